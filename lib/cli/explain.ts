import { messageOf } from "../base/message.js";
import { StoreError, ValidationError } from "../index.js";
import { brief, printable } from "../observers/text.js";
import { Failure, UsageError } from "./exit.js";
import { complain } from "./output.js";
import { stackOf } from "./stack.js";

/** How many lines of a message or a stack are shown. */
const MOST_LINES = 12;

/** These say all there is to say. */
const PLAIN = [UsageError, Failure, StoreError, ValidationError];

/** Tells an error on stderr: its message, and where in users' code it comes from. */
export function explain(error: unknown): void {
  complain(`error: ${linesOf(messageOf(error)).join("\n")}`);
  const root = rootOf(error);
  if (PLAIN.some((type) => error instanceof type) || !(root instanceof Error)) return;
  if (root !== error) complain(`${brief(root.name, 80)}: ${linesOf(messageOf(root)).join("\n")}`);
  const stack = stackOf(root).slice(0, MOST_LINES);
  if (stack.length > 0) complain(stack.map(({ text }) => brief(text, 2000)).join("\n"));
}

/** The error that users' code threw. */
function rootOf(error: unknown): unknown {
  let root = error;
  for (let level = 0; level < 16 && root instanceof Error && root.cause instanceof Error; level++) root = root.cause;
  return root;
}

function linesOf(text: string): string[] {
  const all = text.split("\n");
  const some = all.slice(0, MOST_LINES).map((line) => (line.length > 2000 ? brief(line, 2000) : printable(line)));
  return all.length > MOST_LINES ? [...some, "…"] : some;
}
