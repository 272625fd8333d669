import { isPromise } from "node:util/types";

/**
 * Code that runs synchronously or asynchronously, depending on its caller: a generator that yields each value that may
 * be a promise, and is resumed with the settled value.
 */
export type Coroutine<T = unknown> = Generator<unknown, T, any>;

type Then = (this: unknown, ...reactions: [resolve: (value: any) => void, reject: (error: unknown) => void]) => unknown;

const { then: native } = Promise.prototype as unknown as { readonly then: Then };

/**
 * The promise to wait for if `value` is a thenable, as `await` defines it; otherwise undefined. `then` is read once,
 * and a foreign thenable is wrapped, so that it settles at most once.
 * @throws the error that reading `then` throws
 */
export function pendingOf<T>(value: T | PromiseLike<T>): Promise<T> | undefined {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return undefined;
  const { then } = value as { readonly then?: unknown };
  if (then === native) return value as Promise<T>;
  if (typeof then !== "function") return undefined;
  return adopted(value, then as Then);
}

/** Whether `value` has a `then` method; it is not called. @throws the error that reading it throws */
export function isThenable(value: unknown): boolean {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
  return typeof (value as { readonly then?: unknown }).then === "function";
}

function adopted<T>(value: unknown, then: Then): Promise<T> {
  return new Promise((resolve, reject) => void then.call(value, resolve, reject));
}

/** Calls one of the two callbacks, once, when a promise from {@link pendingOf} has settled. */
export function whenSettled<T>(
  pending: Promise<T>,
  fulfilled: (value: T) => void,
  rejected: (error: unknown) => void,
): void {
  try {
    void pending.then(fulfilled, rejected);
  } catch (error) {
    // Not a real promise, or its subclass can't create another one: no callback was registered.
    rejected(error);
  }
}

/** @throws {TypeError} if `value` is a promise, which would never be awaited */
export function refusePromise(what: string, value: unknown): void {
  if (!isThenable(value)) return;
  if (isPromise(value)) abandon(value);
  throw new TypeError(`${what} must be a value, not a promise. Await it first.`);
}

/** Marks the rejection of a promise that is no longer awaited as handled. */
export function abandon(pending: Promise<unknown>): void {
  whenSettled(pending, ignore, ignore);
}

function ignore(): void {}

/**
 * Runs a coroutine to completion. Returns its result directly if it never had to wait, otherwise a promise.
 * @throws an error that the coroutine throws before its first wait; the promise rejects with a later one
 */
export function drive<T>(coroutine: Coroutine<T>): T | Promise<T> {
  const step = untilWait(coroutine, coroutine.next());
  return step.done === true ? step.value : driveAsync(coroutine, step.value);
}

/** Resumes the coroutine until it has to wait, or is done. An error from reading a yielded value is thrown into it. */
function untilWait<T>(coroutine: Coroutine<T>, from: IteratorResult<unknown, T>): IteratorResult<Promise<unknown>, T> {
  let step = from;
  while (step.done !== true) {
    let pending: Promise<unknown> | undefined;
    try {
      pending = pendingOf(step.value);
    } catch (error) {
      step = coroutine.throw(error);
      continue;
    }
    if (pending !== undefined) return { done: false, value: pending };
    step = coroutine.next(step.value);
  }
  return step;
}

/** Uses callbacks instead of `await`, so that a wait costs one promise instead of four. */
function driveAsync<T>(coroutine: Coroutine<T>, first: Promise<unknown>): Promise<T> {
  return new Promise((resolve, reject) => {
    const fulfilled = (value: unknown) => advance(() => coroutine.next(value));
    const rejected = (error: unknown) => advance(() => coroutine.throw(error));
    const advance = (resume: () => IteratorResult<unknown, T>) => {
      try {
        const step = untilWait(coroutine, resume());
        if (step.done === true) resolve(step.value);
        else whenSettled(step.value, fulfilled, rejected);
      } catch (error) {
        reject(error);
      }
    };
    whenSettled(first, fulfilled, rejected);
  });
}
