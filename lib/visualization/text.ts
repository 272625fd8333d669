/** Everything but letters, digits and a few harmless signs becomes a character entity. */
export function escapeMermaid(text: string): string {
  return text.replace(/[^\p{L}\p{N} _.,:+\-/()]/gu, (character) => `#${character.codePointAt(0)};`);
}

/** A quoted string of the Dot language. */
export function quoteDot(text: string): string {
  const escaped = text.replace(/["\\]/gu, "\\$&").replace(/\r?\n/gu, "\\n").replaceAll("\0", "�");
  return `"${escaped}"`;
}
