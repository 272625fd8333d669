/**
 * Code that may have to wait, written once for callers that can wait and for callers that cannot: a generator that
 * yields every value which might be a promise, and gets the settled value back.
 */
export type Coroutine<T = unknown> = Generator<unknown, T, any>;

/** Whether `value` has to be waited for, by the rule of `await`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === "object" || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}

/**
 * Runs a coroutine to its end. The result is a plain value when nothing it yielded had to be waited for, otherwise a
 * promise of it.
 * @throws what the coroutine throws, before its first wait; afterwards the promise rejects with it
 */
export function drive<T>(coroutine: Coroutine<T>): T | Promise<T> {
  let step = coroutine.next();
  while (step.done !== true) {
    if (isThenable(step.value)) return driveAsync(coroutine, step.value);
    step = coroutine.next(step.value);
  }
  return step.value;
}

/** Callbacks instead of `await`: a wait costs one promise instead of four. */
function driveAsync<T>(coroutine: Coroutine<T>, first: PromiseLike<unknown>): Promise<T> {
  return new Promise((resolve, reject) => {
    const fulfilled = (value: unknown) => advance(() => coroutine.next(value));
    const rejected = (error: unknown) => advance(() => coroutine.throw(error));
    const wait = (pending: PromiseLike<unknown>) =>
      void (pending instanceof Promise ? pending : Promise.resolve(pending)).then(fulfilled, rejected);
    const advance = (resume: () => IteratorResult<unknown, T>) => {
      try {
        let step = resume();
        while (step.done !== true && !isThenable(step.value)) step = coroutine.next(step.value);
        if (step.done === true) resolve(step.value);
        else wait(step.value as PromiseLike<unknown>);
      } catch (error) {
        reject(error);
      }
    };
    wait(first);
  });
}
