import { GLYPHS } from "../../../pictures/glyphs.js";

/** A status, shown by a sign, a colour and a word. */
export function Status({ status, isBare = false }: { readonly status: string; readonly isBare?: boolean }) {
  const look = status === "queued" ? "ready" : status;
  const glyph = (GLYPHS as Readonly<Record<string, string>>)[look] ?? "";
  return (
    <span class={`status ${look}`} title={isBare ? status : undefined}>
      <svg viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true" class={look === "running" ? "lively" : ""}>
        {glyph === "" ? <circle class="hollow" r="6" /> : <circle class="sign" r="7" />}
        {glyph !== "" && <path class="glyph" d={glyph} />}
      </svg>
      <span class={isBare ? "unseen" : ""}>{status}</span>
    </span>
  );
}
