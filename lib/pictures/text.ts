/**
 * Widths by character from the space to `~`, in hundredths of the font size: those of DejaVu Sans, which is wider than
 * the other fonts of {@link FONTS}, so that no text is wider than was thought.
 */
const WIDTHS = [
  32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
  84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61,
  69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59,
  82, 59, 59, 52, 64, 34, 64, 84,
];
const OTHER = 68;
const WIDE = 110;
/** Bold text is wider by this factor. */
export const BOLD = 1.12;

/** Fonts that are there, by system, without a request to anybody. */
export const FONTS = `system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", Arial, sans-serif`;

/** What one column of emoji, Chinese, Japanese and Korean takes, by the first code point of a grapheme. */
const IS_WIDE =
  /^[\p{Extended_Pictographic}\u{1F1E6}-\u{1F1FF}\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFFD\u{20000}-\u{3FFFD}]/u;

/** What XML can't hold, and what would change the direction of the text around it. */
// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|\p{Surrogate}/gu;

/** Names are cut long before this many UTF-16 units, so that graphemes of the rest need not be found. */
const MAX_READ = 600;
const ELLIPSIS = "…";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The estimated width of a text in a font of this size, in pixels. */
export function widthOf(text: string, size: number): number {
  let sum = 0;
  for (const { segment } of graphemes.segment(text)) sum += graphemeWidth(segment);
  return (sum * size) / 100;
}

function graphemeWidth(grapheme: string): number {
  const code = grapheme.charCodeAt(0);
  if (code >= 32 && code < 127) return WIDTHS[code - 32];
  return IS_WIDE.test(grapheme) ? WIDE : OTHER;
}

/** A text as XML, with what it can't hold replaced. Line breaks remain. */
export function xmlText(text: string): string {
  const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return printable(text).replace(/[&<>"']/gu, (character) => escapes[character]);
}

/** A text as the value of an attribute, in which XML would make spaces of line breaks. */
export function xmlAttribute(text: string): string {
  return xmlText(text).replace(/[\t\r\n]/gu, (space) => `&#${space.charCodeAt(0)};`);
}

/** A text in one line, with what is not printable replaced. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/gu, " ").trim());
}

function printable(text: string): string {
  return text.replace(UNPRINTABLE, "\ufffd");
}

/** A text in one line, cut with an ellipsis if it is wider. @param width - in pixels */
export function cut(text: string, size: number, width: number): string {
  return wrap(text, size, width, 1)[0];
}

/**
 * A name in at most so many lines, broken between words and their parts (`loadAll|Orders`, `load_|all`), the last one
 * cut with an ellipsis if there is more.
 * @param width - of a line, in pixels
 */
export function wrap(text: string, size: number, width: number, maxLines: number): string[] {
  const line = oneLine(text.slice(0, MAX_READ)) || " ";
  if (text.length <= MAX_READ && widthOf(line, size) <= width) return [line];
  const lines: string[] = [];
  let rest = line;
  while (rest !== "" && lines.length < maxLines) {
    const isLast = lines.length === maxLines - 1;
    const taken = fitting(rest, size, width, isLast);
    lines.push(
      taken === rest && text.length <= MAX_READ ? taken : isLast ? `${taken.trimEnd()}${ELLIPSIS}` : taken.trimEnd(),
    );
    rest = rest.slice(taken.length).trimStart();
  }
  return lines;
}

/** The beginning of a text that fits into a line, up to the end of a part unless it is the last line. */
function fitting(text: string, size: number, width: number, isLast: boolean): string {
  if (widthOf(text, size) <= width) return text;
  const room = isLast ? width - size : width;
  let end = 0;
  let sum = 0;
  for (const { segment, index } of graphemes.segment(text)) {
    sum += (graphemeWidth(segment) * size) / 100;
    if (sum > room && end > 0) break;
    end = index + segment.length;
  }
  if (isLast) return text.slice(0, end);
  const parts = Array.from(text.slice(0, end + 1).matchAll(/(?<=[\s_\-/:,])|(?<=[\p{Ll}\p{N}])(?=\p{Lu})/gu));
  const last = parts.map(({ index }) => index).findLast((index) => index <= end && index > end / 3);
  return text.slice(0, last ?? end);
}

/** `0.3 ms`, `12 ms`, `1.5 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`. */
export function durationText(ms: number): string {
  if (ms < 0.05) return "0 ms";
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))} s`;
  const [unit, size, smaller] =
    ms < 3_570_000 ? ["min", 60, "s"] : ms < 86_000_000 ? ["h", 3600, "min"] : ["d", 86_400, "h"];
  const step = smaller === "s" ? 1 : smaller === "min" ? 60 : 3600;
  const steps = Math.round(ms / 1000 / step);
  const perUnit = size / step;
  const rest = steps % perUnit;
  return `${Math.floor(steps / perUnit)} ${unit}${rest === 0 ? "" : ` ${rest} ${smaller}`}`;
}

/** `1 node`, `2 nodes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
