import type { ChildRunOptions } from "../definition/context.js";
import type { Planned } from "../definition/defined.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { InnerChecks } from "../planning/inner-schemas.js";
import type { Planning } from "../planning/validity.js";
import type { Caches } from "../policies/caches.js";
import type { RunInside } from "./run-inside.js";
import type { OuterRun } from "./outer-run.js";
import type { RunPromises } from "./run-promises.js";
import type { SteppedRun } from "./step.js";

/**
 * The method a run is created for: `start` returns a handle, which can send events; `runSync` can't wait for promises;
 * `step` stops after each node; `submit` leaves the run to another process, which has its backends.
 */
export type Purpose = "run" | "runSync" | "start" | "step" | "submit";

/** The common part of all plans. */
export interface AnyPlan {
  readonly workflow: string;
  readonly specs: readonly NodeSpec[];
  readonly indexOf: ReadonlyMap<string, number>;
}

/** The inputs of a run, as parsed by schemas. */
export interface AcceptedInputs {
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The inputs as parsed by the schemas inside, once these have run; undefined if there are none. */
  readonly checks?: InnerChecks | undefined;
}

/** Creates the runs of one workflow, with options `O` and results `R`, and their handles `H`. */
export interface RunFactory<O, R, H> {
  /** The name of the workflow. */
  readonly workflow: string;
  /** The name of its class, if it has no name of its own. */
  readonly className: string | undefined;
  readonly caches: Caches;
  /** The plan, as a workflow that contains this one sees it. */
  readonly planned: Planned;
  /** The plan of the current definition, or its issues. */
  readonly planning: Planning<AnyPlan>;
  /**
   * Creates a run: checks its options and inputs against the plan, and makes its state and its recorder.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   */
  create(options: O | undefined, purpose: Purpose): SteppedRun<R>;
  /** Creates a run inside another one. Throws as {@link RunFactory.create}. */
  createInside(own: ChildRunOptions, outer: OuterRun, how: { readonly sync: boolean }): SteppedRun<R> & RunInside;
  /** The inputs of a run inside another one that continues. Throws as {@link RunFactory.create}. */
  acceptInside(own: ChildRunOptions, outer: OuterRun): AcceptedInputs | Promise<AcceptedInputs>;
  /** The handle of a run that has been started. */
  handle(run: SteppedRun<R>, promises: RunPromises<R>): H;
  /** The handle of a run that never starts, since a worker is importing its module. */
  idleHandle(run: SteppedRun<R>, never: Promise<never>): H;
}
