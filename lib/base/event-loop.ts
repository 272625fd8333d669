import { now } from "./clock.js";

/** Node's own `setImmediate`, even if a test installs fake timers later. */
export const { setImmediate } = globalThis;

/** How long work that never waits for I/O may block the event loop, in ms. */
const TIME_SLICE = 15;

/** When such work began in the current turn of the event loop. */
let began: number | undefined;

/** Resolves in the next turn of the event loop, when all that waits only for promises is done. */
export function afterTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A promise to await before the next piece of such work; undefined while this turn's time slice lasts. */
export function nextTurn(): Promise<void> | undefined {
  if (began === undefined) {
    began = now();
    setImmediate(() => (began = undefined));
    return undefined;
  }
  return now() - began < TIME_SLICE ? undefined : afterTurn();
}

/** How many short steps may follow one another without a look at the clock, which takes longer than some of them. */
const LONGEST_STRIDE = 16;

/** {@link nextTurn} for many steps in a row, most of them short. */
export class Strides {
  private length = 1;
  private left = 1;
  private last = 0;

  /** A promise to await before the next step; undefined if it may follow at once. */
  nextTurn(): Promise<void> | undefined {
    if (--this.left > 0) return undefined;
    const time = now();
    this.length = time - this.last > 1 ? 1 : Math.min(2 * this.length, LONGEST_STRIDE);
    this.left = this.length;
    this.last = time;
    return nextTurn();
  }
}
