import { now } from "./clock.js";

/** Calls a function on the next turn of the event loop: the real one, also where a test has faked the timers. */
export const { setImmediate } = globalThis;

/** For how long, in ms, work that never waits for anything outside of the process may keep the event loop from turning. */
const LONGEST = 15;

/** When such work began in this turn of the event loop. */
let began: number | undefined;

/** What such work has to wait for before its next piece; undefined while there is time left in this turn. */
export function nextTurn(): Promise<void> | undefined {
  if (began === undefined) {
    began = now();
    setImmediate(() => (began = undefined));
    return undefined;
  }
  return now() - began < LONGEST ? undefined : new Promise((resolve) => setImmediate(resolve));
}
