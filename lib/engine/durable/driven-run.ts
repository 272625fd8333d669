import type { LazyAbort } from "../../base/abort.js";
import type { DagwrightError } from "../../base/errors.js";
import type { RunBase } from "../../run/run-base.js";
import type { Observer } from "../../run/events.js";
import type { RunStore } from "../../stores/store.js";
import type { RunPromises } from "../run-promises.js";
import type { Recorder } from "./recorder.js";

/** A run whose events can be observed. */
export interface ObservableRun {
  /** Subscribes to all further events. Returns a function that unsubscribes; undefined when the run is over. */
  observe(observer: Observer): (() => void) | undefined;
}

/** The options of `RecordedRuns.drive`. */
export interface DriveOptions {
  readonly store: RunStore;
  /** The token of the reservation. */
  readonly held: number;
  /** The unchecked inputs of a run that was submitted but has not begun, whose structure is not known. */
  readonly unchecked?: Readonly<Record<string, unknown>> | undefined;
  /** Aborts what happens before the run begins. */
  readonly abort: LazyAbort;
  /** Called with the run before it begins, and again with each retry. */
  readonly onBegin?: ((run: ObservableRun) => void) | undefined;
}

/** A recorded run that this process drives for a service. */
export interface DrivenRun {
  readonly runId: string;
  /** Undefined if it had ended before. */
  readonly run: ObservableRun | undefined;
  /** Resolves when this process no longer drives it, and that is recorded or can't be. */
  readonly over: Promise<DriveEnd>;
  /** Interrupts what is in flight without ending the run, which can continue elsewhere. */
  giveBack(error: DagwrightError): void;
}

/**
 * How a drive ended.
 *
 * - `ended`: the run completed, failed or was cancelled, or is at rest; it settled as `run` does;
 * - `returned`: it was given back, and continues from its record;
 * - `lost`: its store failed, or another driver has it. What is recorded stands.
 */
export type DriveEnd =
  | { readonly how: "ended"; readonly result: object; readonly error: DagwrightError | undefined }
  | { readonly how: "returned" }
  | { readonly how: "lost"; readonly cause: unknown };

/** The run of an engine. */
interface Driven extends ObservableRun {
  readonly state: Pick<RunBase, "runId" | "recording">;
  readonly recorder: Recorder | undefined;
  giveBack(error: DagwrightError): void;
}

/** A run that has been claimed and started. */
export function drivenRun(run: Driven, promises: RunPromises<object>): DrivenRun {
  return {
    runId: run.state.runId,
    run,
    over: driveEnd(run, promises),
    giveBack: (error) => run.giveBack(error),
  };
}

async function driveEnd(run: Driven, { result, ended }: RunPromises<object>): Promise<DriveEnd> {
  const error = await result.then(
    () => undefined,
    (thrown: DagwrightError) => thrown,
  );
  try {
    await run.state.recording;
  } catch (cause) {
    return { how: "lost", cause };
  }
  if (run.recorder?.isGivenBack === true) return { how: "returned" };
  return { how: "ended", result: await ended, error };
}
