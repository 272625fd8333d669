import type { DagwrightError } from "../base/errors.js";
import type { RunEnd } from "./engine-run.js";

/** A run that has not begun. */
interface Startable<R> {
  start(onEnd: RunEnd<R>): void;
  startSoon(onEnd: RunEnd<R>): void;
}

/** The runs of one workflow: takes each from its start to its result, and knows the last one that has ended. */
export class Runs<R> {
  last: R | undefined;

  /** Runs to the end. */
  run(run: Startable<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      run.start((result, error) => {
        this.last = result;
        if (error === undefined) resolve(result);
        else reject(error);
      });
    });
  }

  /** Runs to the end, blocking the thread. @throws what the run failed with */
  runSync(run: Startable<R>): R {
    let outcome: { readonly result: R; readonly error: DagwrightError | undefined } | undefined;
    run.start((result, error) => {
      this.last = result;
      outcome = { result, error };
    });
    if (outcome === undefined) throw new Error("A synchronous run did not end.");
    if (outcome.error !== undefined) throw outcome.error;
    return outcome.result;
  }

  /**
   * Runs for somebody who holds a handle, and may look at the result later, or not at all.
   * @returns the result, and what there is of it even if the run fails
   */
  begin(run: Startable<R>): { readonly result: Promise<R>; readonly ended: Promise<R> } {
    let partial: R | undefined;
    const result = new Promise<R>((resolve, reject) => {
      run.startSoon((ended, error) => {
        this.last = partial = ended;
        if (error === undefined) resolve(ended);
        else reject(error);
      });
    });
    return { result, ended: result.catch(() => partial as R) };
  }
}
