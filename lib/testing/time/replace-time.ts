import { setImmediate } from "../../base/event-loop.js";
import { abortAfter, dateOf, hrtimeOf, promisedTimers, timerFunctions } from "./substitutes.js";
import type { Timeline } from "./timeline.js";

/** Those of the process, even if fake timers have replaced them since. */
const nextTick = process.nextTick.bind(process);
const { queueMicrotask } = globalThis;

/**
 * Puts a time in place of that of the process: of timers, `Date`, `performance.now`, `process.hrtime`,
 * `AbortSignal.timeout` and Node's modules of timers. Turns of the event loop and microtasks are real, also where other
 * fake timers have replaced them.
 * @returns a function that puts back what was there
 */
export function replaceTime(timeline: Timeline): () => void {
  const undo: (() => void)[] = [];
  const replace = (owner: object, values: object) => {
    for (const [key, value] of Object.entries(values)) {
      const before = Object.getOwnPropertyDescriptor(owner, key);
      const enumerable = before?.enumerable ?? false;
      Object.defineProperty(owner, key, { value, writable: true, enumerable, configurable: true });
      undo.push(() => {
        if (before === undefined) Reflect.deleteProperty(owner, key);
        else Object.defineProperty(owner, key, before);
      });
    }
  };
  const timers = timerFunctions(timeline, globalThis);
  const { wait, ...promised } = promisedTimers(timeline);
  const promises = process.getBuiltinModule("node:timers/promises");
  const sinceStart = performance.now() - timeline.now();
  replace(globalThis, { ...timers, setImmediate, queueMicrotask, Date: dateOf(timeline, Date) });
  replace(process, { hrtime: hrtimeOf(timeline), nextTick });
  replace(performance, { now: () => timeline.now() + sinceStart });
  replace(AbortSignal, { timeout: (ms: number) => abortAfter(timeline, ms) });
  replace(process.getBuiltinModule("node:timers"), timers);
  replace(promises, promised);
  replace(promises.scheduler, { wait });
  const { syncBuiltinESMExports } = process.getBuiltinModule("node:module");
  syncBuiltinESMExports();
  return () => {
    for (const step of undo.reverse()) step();
    syncBuiltinESMExports();
  };
}
