import type { Planning } from "../planning/validity.js";
import type { Caches } from "../policies/caches.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { Outcome } from "./outcome.js";
import type { SteppedRun } from "./step.js";

/**
 * What a run is created for: `start` returns a handle, which can send events; `runSync` can't wait for anything; `step` stops
 * after each node.
 */
export type Purpose = "run" | "runSync" | "start" | "step";

/** What every plan has. */
export interface AnyPlan {
  readonly workflow: string;
  readonly specs: readonly NodeSpec[];
  readonly indexOf: ReadonlyMap<string, number>;
}

/** Creates the runs of one workflow, with options `O`, and their handles `H`. */
export interface RunFactory<O, R, H> {
  readonly caches: Caches;
  /** The plan of the definition as it is now, or what is wrong with it. */
  readonly planning: Planning<AnyPlan>;
  /**
   * Options and plan become a run, in one pass: checked, with inputs, state and recorder.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   */
  create(options: O | undefined, purpose: Purpose): SteppedRun<R>;
  /** The handle of a run that has begun. */
  handle(run: SteppedRun<R>, outcome: Outcome<R>): H;
  /** The handle of a run that never begins. */
  idleHandle(run: SteppedRun<R>, never: Promise<never>): H;
}
