import type { ComponentChildren } from "preact";

/** Why there is nothing to see. */
export function Failure({ error }: { readonly error: Error }) {
  return (
    <p class="failure" role="alert">
      {error.message}
    </p>
  );
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Loading() {
  return (
    <p class="loading" role="status">
      Loading…
    </p>
  );
}

/** A command line to copy. */
export function CommandLine({ line }: { readonly line: string }) {
  const copy = () => void navigator.clipboard?.writeText(line);
  return (
    <div class="command">
      <code>{line}</code>
      <button type="button" class="quiet" onClick={copy}>
        Copy
      </button>
    </div>
  );
}
