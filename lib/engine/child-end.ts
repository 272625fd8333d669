import type { DagwrightError } from "../base/errors.js";
import type { ChildResult } from "../run/child-result.js";
import { cancelled } from "../run/endings.js";
import { InnerPause, InnerWait } from "../run/pause.js";
import { inside } from "../run/waiting-for.js";
import type { ChildSite } from "./run-inside.js";

/** How a run inside ended. */
export interface ChildEnd {
  readonly result: ChildResult;
  readonly error: DagwrightError | undefined;
  /** When a paused run continues by itself, in ms since 1970. */
  readonly dueAt: number | undefined;
}

/** @throws what ends the node */
export function outcomeOf(site: ChildSite, { result, error, dueAt }: ChildEnd): ChildResult {
  if (error !== undefined) throw error;
  return resultOf(site, result, dueAt);
}

/** A result with which the node goes on. @param dueAt - see {@link ChildEnd} @throws what ends the node otherwise */
export function resultOf({ path }: ChildSite, result: ChildResult, dueAt?: number): ChildResult {
  if (result.status === "completed") return result;
  if (result.status === "paused") {
    const inner = result.pauses.map((pause) => ({ ...pause, node: `${path}.${pause.node}` }));
    throw new InnerPause(result.pauseReason, inner, dueAt);
  }
  if (result.waitingFor !== undefined) throw new InnerWait(inside(path, result.waitingFor));
  throw result.errors[0] ?? cancelled(result, undefined);
}
