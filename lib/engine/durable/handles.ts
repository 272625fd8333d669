import type { RunLocation } from "../run-location.js";
import type { RunPromises } from "../run-promises.js";

/** The constructors of handles. */
export interface Handles<Run, R, H extends Remote & LocalHandle<R>, Remote> {
  /** The handle of a run that has been started. */
  started(run: Run, promises: RunPromises<R>): H;
  ended(result: R, promises: RunPromises<R>): H;
  /** The handle of a new run that may attach to an existing one. */
  attaching(own: H, location: RunLocation<H, Remote>, run: Run): H;
}

/** The part of a handle that needs its run in this process. */
export interface LocalHandle<R> {
  readonly result: Promise<R>;
  readonly recorded: Promise<void>;
  pause(): Promise<R>;
}

/** A run that another process drives. */
export interface RemoteRun<Remote> {
  readonly handle: Remote;
  /** Reads what has been recorded since the last poll. */
  poll?(): Promise<void>;
}
