import { afterEach, beforeEach, vi } from "vitest";

export { sleep, turns } from "./waiting.js";

const { setTimeout: setRealTimeout, setImmediate: setRealImmediate } = globalThis;

/** Turns of the event loop are real, see `lib/base/event-loop.ts`. */
const turn = () => new Promise<void>((resolve) => setRealImmediate(resolve));

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

/** Advances fake time by `ms`, and lets what is due then happen. */
export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await turn();
}

/** The outcome of a promise, after running all timers, also those that begin in later turns of the event loop. */
export async function outcome<T>(promise: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => void (isOver = true);
  promise.then(over, over);
  do {
    await vi.runAllTimersAsync();
    await turn();
  } while (!isOver);
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
