import { isPromise } from "node:util/types";

/**
 * Code that may have to wait, written once for callers that can wait and for callers that cannot: a generator that
 * yields every value which might be a promise, and gets the settled value back.
 */
export type Coroutine<T = unknown> = Generator<unknown, T, any>;

/** What takes what to do with a value, and with an error. */
type Then = (this: unknown, ...reactions: [resolve: (value: any) => void, reject: (error: unknown) => void]) => unknown;

const { then: native } = Promise.prototype as unknown as { readonly then: Then };

/**
 * What of `value` has to be waited for, by the rule of `await`: whatever has a `then`; undefined when nothing has. A value
 * is looked at once, and what it does with its `then` settles the promise at most once.
 * @throws what reading `then` throws
 */
export function pendingOf<T>(value: T | PromiseLike<T>): Promise<T> | undefined {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return undefined;
  const { then } = value as { readonly then?: unknown };
  if (then === native) return value as Promise<T>;
  if (typeof then !== "function") return undefined;
  return adopted(value, then as Then);
}

/** Whether `value` has a `then`, which is not called. @throws what reading it throws */
export function isThenable(value: unknown): boolean {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
  return typeof (value as { readonly then?: unknown }).then === "function";
}

function adopted<T>(value: unknown, then: Then): Promise<T> {
  return new Promise((resolve, reject) => void then.call(value, resolve, reject));
}

/** Calls one of the two, once, when what {@link pendingOf} gave has settled. */
export function whenSettled<T>(
  pending: Promise<T>,
  fulfilled: (value: T) => void,
  rejected: (error: unknown) => void,
): void {
  try {
    void pending.then(fulfilled, rejected);
  } catch (error) {
    // It only looks like a promise, or its class can't make another: nobody was told.
    rejected(error);
  }
}

/** @throws {TypeError} for a promise in the place of a value: nobody would wait for it, or hear of its rejection */
export function requireSettled(what: string, value: unknown): void {
  if (!isThenable(value)) return;
  if (isPromise(value)) abandon(value);
  throw new TypeError(`${what} must be a value, and is a promise. Await it first.`);
}

/** Nobody waits for it: its rejection is handled. */
export function abandon(pending: Promise<unknown>): void {
  whenSettled(pending, ignore, ignore);
}

function ignore(): void {}

/**
 * Runs a coroutine to its end. The result is a plain value when nothing it yielded had to be waited for, otherwise a
 * promise of it.
 * @throws what the coroutine throws, before its first wait; afterwards the promise rejects with it
 */
export function drive<T>(coroutine: Coroutine<T>): T | Promise<T> {
  const step = untilWait(coroutine, coroutine.next());
  return step.done === true ? step.value : driveAsync(coroutine, step.value);
}

/** Goes on from a step to what the coroutine has to wait for, or to its end. What can't be looked at is its own failure. */
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

/** Callbacks instead of `await`: a wait costs one promise instead of four. */
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
