import type { RunEnd } from "./lifecycle.js";

/** What becomes of a run whose holder may look at it later, or not at all. */
export interface Outcome<R> {
  readonly result: Promise<R>;
  /** What there is of it even if it fails. */
  readonly ended: Promise<R>;
}

/** @param begin - starts the run, or joins it: calls what it is given once, when the run has ended */
export function outcomeOf<R>(begin: (onEnd: RunEnd<R>) => void): Outcome<R> {
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

/** The outcome of a run that is over. */
export function outcomeNow<R>(ended: R, error: Error | undefined): Outcome<R> {
  const result = error === undefined ? Promise.resolve(ended) : Promise.reject(error);
  result.catch(() => {});
  return { result, ended: Promise.resolve(ended) };
}
