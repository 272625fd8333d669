import truncatedWidth from "fast-string-truncated-width";

/** Characters that move the cursor, hide, or turn text around: control characters, marks of direction, line separators. */
const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex -- these are searched for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\x1b" };

/** The text on one line, with escapes in the place of what would act on a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (unit) => ESCAPES[unit] ?? escaped(unit.charCodeAt(0)));
}

function escaped(code: number): string {
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** How many columns of a terminal a printable text takes. */
export function widthOf(text: string): number {
  return truncatedWidth(text).width;
}

const segmenter = new Intl.Segmenter();

/** A printable text cut to some columns, with `…` at its end if something is missing. */
export function fit(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (widthOf(text) <= columns) return text;
  let cut = "";
  let width = 1;
  for (const { segment } of segmenter.segment(text)) {
    width += widthOf(segment);
    if (width > columns) break;
    cut += segment;
  }
  return `${cut}…`;
}

/** The text cut or filled up with blanks to exactly some columns. */
export function pad(text: string, columns: number): string {
  const cut = fit(text, columns);
  return cut + " ".repeat(Math.max(0, columns - widthOf(cut)));
}

/** The beginning of any text on one line: of a long one, at most `limit` characters. */
export function brief(text: string, limit = 500): string {
  return text.length > limit ? `${printable(text.slice(0, limit))}…` : printable(text);
}

/** A duration for people, as `12 ms`, `3.4 s` or `2 h 5 min`. @param ms - in ms */
export function durationText(ms: number): string {
  if (ms < 1) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [days, hours, minutes] = [seconds / 86_400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

/** A number and its noun, as `1 node` or `3 nodes`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
