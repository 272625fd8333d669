import { setImmediate } from "../../base/event-loop.js";

/** How many recorded runs begin in one turn of the event loop: a few ms of work. */
const MOST = 200;

let begun = 0;
/** Those that wait, in the order in which they came; from `next` on. */
let waiting: (() => void)[] = [];
let next = 0;

/**
 * Lets recorded runs begin, some in each turn of the event loop, so that thousands that are started at once leave it
 * time for other things. Gives what to wait for; undefined when there is nothing.
 */
export function admission(): Promise<void> | undefined {
  if (begun === 0) setImmediate(turn);
  if (begun < MOST) {
    begun++;
    return undefined;
  }
  return new Promise((resolve) => waiting.push(resolve));
}

/** Calls `begin` in its turn, never at once, and in the async context of now. */
export function whenAdmitted(begin: () => void): void {
  const turn = admission();
  if (turn === undefined) queueMicrotask(begin);
  else void turn.then(begin);
}

function turn(): void {
  begun = Math.min(waiting.length - next, MOST);
  for (let i = 0; i < begun; i++) waiting[next++]();
  if (next === waiting.length) {
    waiting = [];
    next = 0;
  }
  if (begun > 0) setImmediate(turn);
}
