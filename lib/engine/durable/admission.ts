import { setImmediate } from "../../base/event-loop.js";

/** How many recorded runs may begin in one turn of the event loop: a few ms of work. */
const MAX_PER_TURN = 200;

let admitted = 0;
/** The waiting runs, first in, first out; those before `next` have been admitted. */
let waiting: (() => void)[] = [];
let next = 0;

/**
 * Admits recorded runs, a limited number per turn of the event loop, so that starting thousands at once does not block
 * it.
 * @returns a promise to wait for; undefined when the run may begin at once
 */
export function admission(): Promise<void> | undefined {
  if (admitted === 0) setImmediate(turn);
  if (admitted < MAX_PER_TURN) {
    admitted++;
    return undefined;
  }
  return new Promise((resolve) => waiting.push(resolve));
}

/** Calls `begin` when the run is admitted, always asynchronously, in the current async context. */
export function whenAdmitted(begin: () => void): void {
  const pending = admission();
  if (pending === undefined) queueMicrotask(begin);
  else void pending.then(begin);
}

function turn(): void {
  admitted = Math.min(waiting.length - next, MAX_PER_TURN);
  for (let i = 0; i < admitted; i++) waiting[next++]();
  if (next === waiting.length) {
    waiting = [];
    next = 0;
  }
  if (admitted > 0) setImmediate(turn);
}
