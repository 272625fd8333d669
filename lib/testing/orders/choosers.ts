import { GO_ON, type Step } from "./steps.js";

/** Chooses which of several steps happens next, by its index. */
export type Chooser = (steps: readonly Step[]) => number;

/** All ways to choose, in depth-first order: one after the other, until {@link SystematicChoices.next} finds no more. */
export class SystematicChoices {
  private prefix: readonly number[] = [];
  private made: { readonly index: number; readonly count: number }[] = [];

  /** The choices of one order. */
  begin(): Chooser {
    this.made = [];
    return ({ length: count }) => {
      if (count === 1) return 0;
      const index = this.prefix[this.made.length] ?? 0;
      this.made.push({ index, count });
      return index;
    };
  }

  /** Goes to the next way. Returns whether there is one. */
  next(): boolean {
    const last = this.made.findLastIndex(({ index, count }) => index + 1 < count);
    if (last < 0) return false;
    const before = this.made.slice(0, last).map(({ index }) => index);
    this.prefix = [...before, this.made[last].index + 1];
    return true;
  }
}

/** Random choices, the same for the same seed. Source: mulberry32, T. Ettinger. */
export function randomChoices(seed: number): Chooser {
  let state = seed;
  return ({ length }) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * length);
  };
}

/** Of the steps that may happen, always the one that is first in an order. */
export function guidedBy(order: readonly string[]): Chooser {
  const left = [...order];
  return (steps) => {
    const at = left.findIndex((label) => steps.some((step) => step.label === label));
    if (at < 0) return 0;
    const [label] = left.splice(at, 1);
    return steps.findIndex((step) => step.label === label);
  };
}

/** Lets each node go as far as it can before another one starts. */
export function oneByOne(choose: Chooser): Chooser {
  return (steps) => {
    const index = steps.indexOf(GO_ON);
    return index < 0 ? choose(steps) : index;
  };
}
