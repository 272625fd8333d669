import { styleText } from "node:util";
import { fit, widthOf } from "./text.js";

/** How a piece of text looks. */
export type Look = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Pieces of a line, each with its look. */
export type Line = readonly (readonly [text: string, look?: Look])[];

/** The signs of a terminal's character set. */
export interface Signs {
  readonly done: string;
  readonly failed: string;
  readonly skipped: string;
  readonly waiting: string;
  readonly frames: readonly string[];
  readonly bar: readonly [full: string, empty: string];
  readonly arrow: string;
}

const UNICODE: Signs = {
  done: "✔",
  failed: "✖",
  skipped: "○",
  waiting: "◷",
  frames: Array.from("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"),
  bar: ["━", "─"],
  arrow: "→",
};

const ASCII: Signs = {
  done: "+",
  failed: "x",
  skipped: "o",
  waiting: "~",
  frames: Array.from("|/-\\"),
  bar: ["#", "."],
  arrow: "->",
};

/** What a stream shows. */
export interface Style {
  readonly signs: Signs;
  /** A line, cut to some columns. */
  render(line: Line, columns: number): string;
}

/** The part of a stream that says what it can show. */
export interface StyledStream {
  readonly isTTY?: boolean;
  hasColors?(): boolean;
}

/** The style of a stream: `NO_COLOR`, `FORCE_COLOR` and `TERM` are respected, as Node does. */
export function styleOf(stream: StyledStream): Style {
  const isColored = stream.isTTY === true && stream.hasColors?.() === true;
  return {
    signs: isUnicode() ? UNICODE : ASCII,
    render: (line, columns) => render(line, columns, isColored),
  };
}

function render(line: Line, columns: number, isColored: boolean): string {
  let left = columns;
  let text = "";
  for (const [piece, look] of line) {
    if (left <= 0) break;
    const cut = fit(piece, left);
    left -= widthOf(cut);
    text += isColored && look !== undefined ? styleText(look, cut, { validateStream: false }) : cut;
  }
  return text;
}

/** Old consoles of Windows, and that of a Linux without a desktop, have few characters. */
function isUnicode(): boolean {
  const { platform, env } = process;
  if (platform !== "win32") return env["TERM"] !== "linux";
  return env["WT_SESSION"] !== undefined || env["TERM_PROGRAM"] !== undefined || env["TERM"] !== undefined;
}
