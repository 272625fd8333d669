import type { DagwrightError } from "../../base/errors.js";
import type { Claim, RecordedRun } from "../../stores/store.js";
import type { OuterRun } from "../outer-run.js";
import type { AcceptedInputs } from "../run-factory.js";
import type { ChildContinuation } from "../run-inside.js";
import type { Recorder } from "./recorder.js";
import { differingInputs } from "./restore.js";

/** A recorded run that continues. */
export interface ContinuedRun<Run> {
  readonly run: Run;
  readonly recorder: Recorder;
  readonly claim: Claim;
}

/** A recorded run that has ended. */
export interface EndedRun<R> {
  readonly result: R;
  /** The error that it rejected with, if it did. */
  readonly error?: DagwrightError;
}

/** Decides how a recorded run continues; undefined to leave it alone. */
export type Decide<Run, R> = (recorded: RecordedRun) => ContinuedRun<Run> | EndedRun<R> | undefined;

/** How a run is used. */
export interface RunUse {
  /** Whether the caller gets a handle, which can send events. */
  readonly hasHandle: boolean;
  /** The run that contains it. */
  readonly inside?: {
    readonly outer: OuterRun;
    readonly how: ChildContinuation;
    /** The inputs of `how`, as parsed by their schemas. */
    readonly accepted: AcceptedInputs;
  };
}

/** Whether a run inside another one starts over: because it was told to, or because its inputs have changed. */
export function beginsAnew({ inputs }: RecordedRun, { inside }: RunUse): boolean {
  if (inside === undefined) return false;
  const { how, accepted } = inside;
  // Default values need not be the same twice.
  const isDefault = (name: string) => !Object.hasOwn(how.inputs, name) && Object.hasOwn(accepted.inputs, name);
  return how.restarts || !differingInputs(inputs, accepted.inputs).every(isDefault);
}

/** The options with which a run inside another one continues. */
export function insideOptions<O extends object>(options: O, { outer, how }: NonNullable<RunUse["inside"]>) {
  return { ...options, store: how.store, allowChanges: how.allowChanges, provide: outer.provide };
}

/** Whether a run is ready to continue: it is unfinished, or paused and due, or it waits for an event that was sent. */
export function isRecoverable(run: RecordedRun, time: number): boolean {
  const { status, dueAt = Infinity, cycles, events } = run;
  if (status !== "paused") return status === "running" || status === "waiting";
  if (dueAt <= time) return true;
  const accepted = cycles.at(-1)?.wait?.events ?? [];
  return run.pauses.length === 0 && events.some(({ event }) => accepted.some(([name]) => name === event));
}
