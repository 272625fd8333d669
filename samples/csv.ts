/**
 * A state machine that drives itself: a CSV parser (RFC 4180: quotes, doubled quotes, line breaks within quotes) that
 * reads one character per cycle. Its result is compared with that of the npm package csv-parse.
 *
 * Prints:
 *
 *     seattle-weather.csv: 1462 rows of 6 fields, same as csv-parse
 *     quotes.csv: 5 rows of 3 fields, same as csv-parse
 *     the longest field: "He said:\n\"No, thanks\", and left."
 */
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { parse } from "csv-parse/sync";
import { Fsm, next, state } from "dagwright";

class Csv {
  private readonly rows: string[][] = [[]];
  private field = "";
  private at = 0;

  constructor(private readonly text: string) {}

  /** At the beginning of a field. */
  @state({ initial: true, to: ["quoted", "plain"] }) start() {
    if (this.text[this.at] !== '"') return next("plain");
    this.at++;
    return next("quoted");
  }
  @state({ to: ["start", "plain", "end"] }) plain() {
    const character = this.text[this.at++];
    if (character === undefined) return next("end");
    if (character !== "," && character !== "\n") {
      if (character !== "\r") this.field += character;
      return next("plain");
    }
    this.rows[this.rows.length - 1].push(this.field);
    if (character === "\n") this.rows.push([]);
    this.field = "";
    return next("start");
  }
  @state({ to: ["quoted", "quote"] }) quoted() {
    const character = this.text[this.at++];
    if (character === undefined) throw new Error(`The quote that begins with ${this.field.slice(0, 20)} never ends.`);
    if (character === '"') return next("quote");
    this.field += character;
    return next("quoted");
  }
  /** After a quote in a quoted field, which ends the field unless a second quote follows. */
  @state({ to: ["quoted", "plain"] }) quote() {
    if (this.text[this.at] !== '"') return next("plain");
    this.field += this.text[this.at++];
    return next("quoted");
  }
  @state({ terminal: true }) end() {
    if (this.field !== "" || this.rows[this.rows.length - 1].length > 0)
      this.rows[this.rows.length - 1].push(this.field);
    else this.rows.pop();
    return this.rows;
  }
}

let longest = "";
for (const file of ["seattle-weather.csv", "quotes.csv"]) {
  const text = await readFile(new URL(`data/${file}`, import.meta.url), "utf8");
  const fsm = Fsm.from(new Csv(text));
  const run = fsm.runSync({ maxCycles: Infinity, historyLimit: 1 });
  const rows = run.get("end") ?? [];
  const agrees = isDeepStrictEqual(rows, parse(text)) ? "same as csv-parse" : "unlike csv-parse";
  console.log(`${file}: ${rows.length} rows of ${rows[0].length} fields, ${agrees}`);
  for (const field of rows.flat()) if (field.length > longest.length) longest = field;
}
console.log("the longest field:", JSON.stringify(longest));
