import type { DagwrightError } from "../base/errors.js";
import type { Pause } from "./pause.js";
import type { RunBase } from "./run-base.js";
import type { RunStatus } from "./status.js";
import type { WaitingFor } from "./waiting-for.js";

/** The result of a run that another run contains, as that one sees it. */
export interface ChildResult {
  readonly runId: string;
  readonly workflow: string;
  readonly status: RunStatus;
  readonly value: unknown;
  readonly errors: readonly DagwrightError[];
  readonly pauseReason: string | undefined;
  readonly pauses: readonly Pause[];
  readonly waitingFor: WaitingFor | undefined;
  has(name: string): boolean;
  get(name: string): unknown;
}

/** Unlike a private member, a symbol also works for results of other copies of this library. */
export const STATE = Symbol.for("dagwright:RunState");

/** The state that a result is a view of. */
export function stateOf(result: ChildResult): RunBase {
  return (result as object as { readonly [STATE]: RunBase })[STATE];
}

/**
 * The key of a child run in its parent: the node, and for one of several runs of a node, or for an item of a map, a key
 * in brackets.
 */
export function childKey(node: string, key: string | number | undefined): string {
  return key === undefined ? node : `${node}[${key}]`;
}

/** The result that a node has by this key: a text in quotes, if there is one, or else as it is. */
export function childIn(
  children: ReadonlyMap<string, ChildResult>,
  node: string,
  key: string | number | undefined,
): ChildResult | undefined {
  const quoted = typeof key === "string" ? children.get(childKey(node, JSON.stringify(key))) : undefined;
  return quoted ?? children.get(childKey(node, key));
}

/** Characters that make a key in brackets ambiguous in a path, or can't be stored. */
const UNCLEAR = /^"|\]\.|\0|\p{Surrogate}/u;

/** A key as it is written in brackets: in quotes, as JSON, where it would be unclear. */
export function keyText(key: string | number): string {
  return typeof key === "string" && UNCLEAR.test(key) ? JSON.stringify(key) : String(key);
}
