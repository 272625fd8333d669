import type { DagwrightError } from "../base/errors.js";
import type { Lifecycle } from "./lifecycle.js";
import { outcomeOf, type Outcome } from "./outcome.js";

/** A run that has not begun. */
export interface Startable<R> {
  readonly life: Pick<Lifecycle<R>, "start" | "startSoon">;
}

/** The runs of one workflow: takes each from its start to its result, and knows the last one that has ended. */
export class Runs<R> {
  last: R | undefined;

  /** Runs to the end. */
  run(run: Startable<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      run.life.start((result, error) => {
        this.last = result;
        if (error === undefined) resolve(result);
        else reject(error);
      });
    });
  }

  /** Runs to the end, blocking the thread. @throws what the run failed with */
  runSync(run: Startable<R>): R {
    let outcome: { readonly result: R; readonly error: DagwrightError | undefined } | undefined;
    run.life.start((result, error) => {
      this.last = result;
      outcome = { result, error };
    });
    if (outcome === undefined) throw new Error("A synchronous run did not end.");
    if (outcome.error !== undefined) throw outcome.error;
    return outcome.result;
  }

  /** Runs for somebody who holds a handle. @param soon - as in {@link Lifecycle.startSoon} */
  begin(run: Startable<R>, soon: (begin: () => void) => void = queueMicrotask): Outcome<R> {
    return outcomeOf((onEnd) =>
      run.life.startSoon((ended, error) => {
        this.last = ended;
        onEnd(ended, error);
      }, soon),
    );
  }
}
