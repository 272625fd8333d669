/** Replaces everything but letters, digits and harmless punctuation with character entities. */
export function escapeMermaid(text: string): string {
  return text.replace(/[^\p{L}\p{N} _.,:+\-/()]/gu, (character) => `#${character.codePointAt(0)};`);
}

/** A quoted string in the DOT language. */
export function quoteDot(text: string): string {
  const escaped = text.replace(/["\\]/gu, "\\$&").replace(/\r?\n/gu, "\\n").replaceAll("\0", "�");
  return `"${escaped}"`;
}
