import type { DagwrightError } from "../base/errors.js";
import type { Lifecycle, RunEnd } from "./lifecycle.js";
import { runPromises, type RunPromises } from "./run-promises.js";

/** A run that has not started. */
export interface Startable<R> {
  readonly life: Pick<Lifecycle<R>, "start" | "startDeferred" | "isRefused">;
}

/** Starts the runs of one workflow, and keeps the result of the last one that ended. */
export class Runs<R> {
  last: R | undefined;

  /** Starts a run. Resolves or rejects at its end. */
  run(run: Startable<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      run.life.start((result, error) => {
        this.ended(run, result);
        if (error === undefined) resolve(result);
        else reject(error);
      });
    });
  }

  /** Starts a run. @param onEnd - called at its end, which may be before this returns */
  start(run: Startable<R>, onEnd: RunEnd<R>): void {
    run.life.start((result, error) => {
      this.ended(run, result);
      onEnd(result, error);
    });
  }

  /** Executes a run to its end, blocking the thread. @throws the error that the run failed with */
  runSync(run: Startable<R>): R {
    let outcome: { readonly result: R; readonly error: DagwrightError | undefined } | undefined;
    run.life.start((result, error) => {
      this.ended(run, result);
      outcome = { result, error };
    });
    if (outcome === undefined) throw new Error("A synchronous run did not end.");
    if (outcome.error !== undefined) throw outcome.error;
    return outcome.result;
  }

  private ended(run: Startable<R>, result: R): void {
    if (!run.life.isRefused) this.last = result;
  }

  /** Starts a run deferred, for a handle. @param schedule - see {@link Lifecycle.startDeferred} */
  begin(run: Startable<R>, schedule: (begin: () => void) => void = queueMicrotask): RunPromises<R> {
    return runPromises((onEnd) =>
      run.life.startDeferred((ended, error) => {
        this.ended(run, ended);
        onEnd(ended, error);
      }, schedule),
    );
  }
}
