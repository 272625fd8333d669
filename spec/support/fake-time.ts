import { afterEach, beforeEach, vi } from "vitest";

export { sleep } from "./waiting.js";

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
