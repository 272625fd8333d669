import { docsOf } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { DagwrightError, StoreError, ValidationError } from "../index.js";
import { brief, printable } from "../observers/text.js";
import { Failure, UsageError } from "./exit.js";
import { complain } from "./output.js";
import { stackOf } from "./stack.js";

/** How many lines of a message or a stack are shown. */
const MOST_LINES = 12;

/** These say all there is to say. */
const PLAIN = [UsageError, Failure, StoreError, ValidationError];

/** Tells an error on stderr: its message, where in users' code it comes from, and where to read about it. */
export function explain(error: unknown): void {
  complain(`error: ${linesOf(messageOf(error)).join("\n")}`);
  const chain = chainOf(error);
  if (!PLAIN.some((type) => error instanceof type)) tellOrigin(error, chain.at(-1));
  tellDocs(codesOf(chain));
}

/** Says on stderr where to read about codes. */
export function tellDocs(codes: readonly string[]): void {
  for (const code of new Set(codes)) complain(`Docs: ${docsOf(code)}`);
}

/** The error that users' code threw, if it is another one, and its place in their code. */
function tellOrigin(error: unknown, root: unknown): void {
  if (!(root instanceof Error)) return;
  if (root !== error) complain(`${brief(root.name, 80)}: ${linesOf(messageOf(root)).join("\n")}`);
  const stack = stackOf(root).slice(0, MOST_LINES);
  if (stack.length > 0) complain(stack.map(({ text }) => brief(text, 2000)).join("\n"));
}

/** The codes of the innermost error of ours. That a function has thrown needs no explanation. */
function codesOf(chain: readonly unknown[]): readonly string[] {
  const ours = chain.findLast((error) => error instanceof DagwrightError);
  if (ours === undefined || ours.code === "EXECUTION") return [];
  return ours instanceof ValidationError ? ours.issues.map(({ code }) => code) : [ours.code];
}

/** An error and its causes, from the outside in. */
function chainOf(error: unknown): readonly unknown[] {
  const chain = [error];
  for (let last = error; chain.length < 16 && last instanceof Error && last.cause instanceof Error;) {
    last = last.cause;
    chain.push(last);
  }
  return chain;
}

function linesOf(text: string): string[] {
  const all = text.split("\n");
  const some = all.slice(0, MOST_LINES).map((line) => (line.length > 2000 ? brief(line, 2000) : printable(line)));
  return all.length > MOST_LINES ? [...some, "…"] : some;
}
