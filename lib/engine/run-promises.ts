import type { RunEnd } from "./lifecycle.js";

/** The promises of a run. They may stay unhandled, since a handle may be dropped. */
export interface RunPromises<R> {
  /** Settles as `run` would. */
  readonly result: Promise<R>;
  /** Resolves even if the run fails, with its partial result. */
  readonly ended: Promise<R>;
}

/** @param begin - starts the run or joins it, and calls its argument once when the run has ended */
export function runPromises<R>(begin: (onEnd: RunEnd<R>) => void): RunPromises<R> {
  let partial: R | undefined;
  const result = new Promise<R>((resolve, reject) => {
    begin((ended, error) => {
      partial = ended;
      if (error === undefined) resolve(ended);
      else reject(error);
    });
  });
  return { result, ended: result.catch(() => partial as R) };
}

/** The promises of a run that is over. */
export function settledRunPromises<R>(ended: R, error: Error | undefined): RunPromises<R> {
  const result = error === undefined ? Promise.resolve(ended) : Promise.reject(error);
  result.catch(() => {});
  return { result, ended: Promise.resolve(ended) };
}
