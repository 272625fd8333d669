import { useId } from "preact/hooks";

/** What was typed as JSON: a value, nothing, or no valid JSON. */
export type Typed = { readonly value: unknown } | { readonly problem: string } | undefined;

/** JSON where it parses, else text, as on the command line. */
export function typedValue(text: string): Typed {
  if (text.trim() === "") return undefined;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    if (/^\s*[[{"]/u.test(text)) return { problem: (error as Error).message };
    return { value: text };
  }
}

interface JsonFieldProps {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly isRequired?: boolean;
}

/** A field for any value. */
export function JsonField({ label, hint, text, onText, isRequired = false }: JsonFieldProps) {
  const id = useId();
  const typed = typedValue(text);
  const problem = typed !== undefined && "problem" in typed ? typed.problem : undefined;
  return (
    <div class="field">
      <label for={id}>
        {label} {isRequired && <span class="note">(required)</span>}
      </label>
      <textarea
        id={id}
        rows={Math.min(8, Math.max(1, text.split("\n").length))}
        spellcheck={false}
        value={text}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint`}
        onInput={(event) => onText(event.currentTarget.value)}
      />
      <p class={problem === undefined ? "note" : "failure"} id={`${id}-hint`}>
        {problem ?? hint ?? "JSON where it parses, else text"}
      </p>
    </div>
  );
}
