import type { DagwrightError } from "../base/errors.js";
import type { Pause } from "./pause.js";
import type { RunStatus } from "./status.js";

/** The result of a run that another run contains, as that one sees it. */
export interface ChildResult {
  readonly runId: string;
  readonly workflow: string;
  readonly status: RunStatus;
  readonly value: unknown;
  readonly errors: readonly DagwrightError[];
  readonly pauseReason: string | undefined;
  readonly pauses: readonly Pause[];
  has(name: string): boolean;
  get(name: string): unknown;
}

/**
 * The key of a child run in its parent: the node, and for one of several runs of a node, or for an item of a map, a key
 * in brackets.
 */
export function childKey(node: string, key: string | number | undefined): string {
  return key === undefined ? node : `${node}[${key}]`;
}
