import type { Problem } from "../data.js";

/** An error with its code, its causes and its stacks. */
export function ProblemView({ problem, isFolded = false }: { readonly problem: Problem; readonly isFolded?: boolean }) {
  const { name, message, code, stack, cause } = problem;
  return (
    <div class="problem">
      <p class="problem-title">
        {name}
        {code !== undefined && <span class="code">{code}</span>}
      </p>
      <p class="problem-text">{message}</p>
      {stack !== undefined && stack !== "" && (
        <details>
          <summary>Stack</summary>
          <pre class="text" tabIndex={0}>
            {stack}
          </pre>
        </details>
      )}
      {cause !== undefined && (
        <details open={!isFolded}>
          <summary>Caused by</summary>
          <ProblemView problem={cause} />
        </details>
      )}
    </div>
  );
}
