import { promisify } from "node:util";
import type { Timeline } from "./timeline.js";
import { VirtualTimer } from "./virtual-timer.js";

type Callback = (...args: unknown[]) => void;

interface TimerOptions {
  readonly signal?: AbortSignal | undefined;
  readonly ref?: boolean | undefined;
}

/** The timer functions of the global object, and of `node:timers`. */
export function timerFunctions(timeline: Timeline, before: Pick<typeof globalThis, "clearTimeout" | "clearInterval">) {
  const { setTimeout: sleep } = promisedTimers(timeline);
  const setTimeout = (callback: Callback, ms?: unknown, ...args: unknown[]) =>
    timeline.setTimeout(() => callback(...args), ms);
  const setInterval = (callback: Callback, ms?: unknown, ...args: unknown[]) =>
    timeline.setInterval(() => callback(...args), ms);
  Object.defineProperty(setTimeout, promisify.custom, { value: sleep });
  const isOwn = (timer: unknown) => timer instanceof VirtualTimer || typeof timer === "number";
  const clear = (real: (timer: any) => void) => (timer: unknown) => {
    timeline.clear(timer);
    if (!isOwn(timer)) real(timer);
  };
  const clearTimeout = clear(before.clearTimeout);
  return { setTimeout, setInterval, clearTimeout, clearInterval: clear(before.clearInterval) };
}

/** The functions of `node:timers/promises`. */
export function promisedTimers(timeline: Timeline) {
  const sleep = <T>(ms?: number, value?: T, { signal, ref = true }: TimerOptions = {}) =>
    new Promise<T | undefined>((resolve, reject) => {
      if (signal?.aborted === true) return reject(aborted(signal));
      const onAbort = () => {
        timer.close();
        reject(aborted(signal as AbortSignal));
      };
      const done = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve(value);
      };
      const timer = timeline.setTimeout(done, ms);
      if (!ref) timer.unref();
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  async function* ticks<T>(ms?: number, value?: T, options?: TimerOptions) {
    for (;;) yield await sleep(ms, value, options);
  }
  const wait = (ms: number, options?: TimerOptions) => sleep(ms, undefined, options);
  return { setTimeout: sleep, setInterval: ticks, wait };
}

function aborted({ reason }: AbortSignal): Error {
  const error = new Error("The operation was aborted", { cause: reason });
  return Object.assign(error, { name: "AbortError", code: "ABORT_ERR" });
}

/** `AbortSignal.timeout`. */
export function abortAfter(timeline: Timeline, ms: number): AbortSignal {
  const controller = new AbortController();
  const reason = new DOMException("The operation was aborted due to timeout", "TimeoutError");
  timeline.setTimeout(() => controller.abort(reason), ms).unref();
  return controller.signal;
}

/** `Date`, whose instances are those of the `Date` before. */
export function dateOf(timeline: Timeline, before: DateConstructor): DateConstructor {
  const now = () => Math.floor(timeline.now());
  return new Proxy(before, {
    construct: (target, args, type) => Reflect.construct(target, args.length === 0 ? [now()] : args, type) as object,
    apply: (target) => new target(now()).toString(),
    get: (target, key, receiver) => (key === "now" ? now : (Reflect.get(target, key, receiver) as unknown)),
  });
}

/** `process.hrtime`. */
export function hrtimeOf(timeline: Timeline) {
  const parts = (): [number, number] => {
    const time = timeline.now();
    return [Math.floor(time / 1000), Math.round((time % 1000) * 1e6)];
  };
  const bigint = () => parts().reduce((all, part) => all * 1_000_000_000n + BigInt(part), 0n);
  const hrtime = (since?: readonly [number, number]): [number, number] => {
    const [seconds, nanoseconds] = parts();
    if (since === undefined) return [seconds, nanoseconds];
    const rest = nanoseconds - since[1];
    return rest < 0 ? [seconds - since[0] - 1, rest + 1e9] : [seconds - since[0], rest];
  };
  return Object.assign(hrtime, { bigint });
}
