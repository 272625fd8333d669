import { asSentence, messageOf } from "../base/message.js";
import { innerError, isErrorInside, type ExecutionError } from "./errors.js";
import type { RunBase } from "./run-base.js";

/**
 * The message for a node or state that failed because of a run inside it: `orders › check › verify failed: …`.
 * Undefined if `thrown` is no error of such a run.
 */
export function failedInside(run: RunBase, node: string, thrown: unknown): string | undefined {
  if (!isErrorInside(run.runId, thrown)) return undefined;
  const { names, innermost } = wayOf(thrown);
  const way = `${run.workflow} › ${node}${names}`;
  return `${way} failed: ${asSentence(messageOf(innermost.cause ?? innermost))} See the cause.`;
}

/** Where an error comes from. */
interface Way {
  /** The path of the error as text: ` › check › verify`. */
  readonly names: string;
  readonly innermost: ExecutionError;
}

/** Kept, since each error in deep nesting is the cause of the next one. */
const ways = new WeakMap<ExecutionError, Way>();

function wayOf(thrown: ExecutionError): Way {
  const unknown: ExecutionError[] = [];
  let next: ExecutionError | undefined = thrown;
  for (; next !== undefined && !ways.has(next); next = innerError(next)) unknown.push(next);
  let way = next && ways.get(next);
  for (const error of unknown.reverse()) {
    const own = error.item ?? error.node;
    const names: string = own === undefined ? "" : ` › ${own}${way?.names ?? ""}`;
    way = { names, innermost: way?.innermost ?? error };
    ways.set(error, way);
  }
  return way as Way;
}

/** The message for a node or state that threw. */
export function failedBecause(label: string, thrown: unknown): string {
  return `${label} failed: ${asSentence(messageOf(thrown))} See the cause.`;
}
