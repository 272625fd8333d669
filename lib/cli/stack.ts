import { toPath } from "../base/call-sites.js";
import { isOwn } from "../base/own-files.js";

/** A line of a stack, and the place that it names. */
export interface StackLine {
  readonly text: string;
  readonly path: string | undefined;
  /** Line and column, as `12:7`. */
  readonly position: string | undefined;
}

/** The lines of an error's stack that are about users' code, innermost first. */
export function stackOf(error: Error): StackLine[] {
  const lines = String(error.stack)
    .split("\n")
    .filter((text) => /^\s+at /u.test(text))
    .map(lineOf);
  return lines.filter(({ path, text }) => !text.includes("node:internal") && (path === undefined || !isOwn(path)));
}

function lineOf(text: string): StackLine {
  const [, file, position] = /(file:.*?|\/.*?|[A-Za-z]:[\\/].*?):(\d+:\d+)\)?$/u.exec(text) ?? [];
  return { text, path: file === undefined ? undefined : toPath(file), position };
}
