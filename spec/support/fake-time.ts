import { afterEach, beforeEach, vi } from "vitest";

export { sleep, turns } from "./waiting.js";

const { setTimeout: setRealTimeout } = globalThis;

/** Runs the specs of a file with fake timers and clocks, without real waiting. */
export function useFakeTime(): void {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}

/** Advances fake time by `ms`. */
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** The outcome of a promise, after running all timers. */
export async function outcome<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await vi.runAllTimersAsync();
  return promise;
}

/** The error that a promise rejects with, after running all timers. */
export async function rejection(promise: Promise<unknown>): Promise<any> {
  return outcome(
    promise.then(
      (value) => {
        throw new Error(`It resolved with ${String(value)}.`);
      },
      (error: unknown) => error,
    ),
  );
}

/** The outcome of work that waits for real I/O and for timers, which run about fifty times as fast. */
export async function hurried<T>(work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "hrtime", "performance", "Date"] });
  let isOver = false;
  const over = () => (isOver = true);
  try {
    const done = work();
    done.then(over, over);
    while (!isOver) {
      await vi.advanceTimersByTimeAsync(100);
      await new Promise((resolve) => setRealTimeout(resolve, 2));
    }
    return await done;
  } finally {
    vi.useRealTimers();
  }
}
