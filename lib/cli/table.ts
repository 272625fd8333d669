import { columns, print } from "./output.js";
import { brief, fit, pad, widthOf } from "../observers/text.js";

/** The most columns of a cell, where there is room. */
const WIDEST = 60;

/**
 * Prints rows below a header. Columns are as wide as what is in them; a terminal cuts the lines, a pipe does not cut
 * cells.
 */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const width = columns();
  const limit = width === Infinity ? Infinity : WIDEST;
  const cells = [header, ...rows].map((row) => row.map((text) => brief(text, 1000)));
  const widths = header.map((_, i) =>
    Math.min(
      limit,
      cells.reduce((most, row) => Math.max(most, widthOf(row[i])), 0),
    ),
  );
  for (const row of cells) {
    const line = row.map((text, i) => (i === row.length - 1 ? text : pad(text, widths[i]))).join("  ");
    print(fit(line.trimEnd(), width));
  }
}
