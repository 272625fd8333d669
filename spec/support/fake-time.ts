import { afterEach, beforeEach, vi } from "vitest";

export { sleep, turns } from "./waiting.js";

const { setTimeout: setRealTimeout } = globalThis;

/** Runs the specs of a file on faked timers and clocks: nothing really waits. */
export function useFakeTime(): void {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}

/** Passes `ms` of faked time. */
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** What becomes of a promise, while time passes until nothing is waited for any more. */
export async function outcome<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await vi.runAllTimersAsync();
  return promise;
}

/** What a promise is rejected with. */
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

/** What becomes of work that waits for others, which are real, and for timers: these run some fifty times as fast. */
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
