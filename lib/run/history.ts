/** Stands for the value of a cycle that has none: it failed, or was cancelled. */
export const NO_VALUE = Symbol("no value");

/** One execution of a state. */
export interface Cycle {
  readonly state: string;
  /** Undefined when the execution failed. */
  readonly value: unknown;
}

/**
 * What the states of a run left behind, one entry a cycle; with a limit only the latest ones, in a ring.
 *
 * Cycles and the executions of each state count from 0 over the whole run, whatever was dropped.
 * Cost: O(1) a cycle; looking up an execution that is not a state's latest takes O(cycles kept).
 */
export class History {
  /** How many cycles the run has had. */
  count = 0;
  /** How often each state was executed. */
  readonly visits: number[];
  /** The cycle of each state's latest execution; -1 when there was none. */
  private readonly latest: number[];
  private readonly states: number[] = [];
  private readonly values: unknown[] = [];
  /** How many entries are of cycles that were taken back. */
  private undone = 0;

  constructor(
    size: number,
    private readonly limit: number,
  ) {
    this.visits = new Array<number>(size).fill(0);
    this.latest = new Array<number>(size).fill(-1);
  }

  /** Adds a cycle. */
  add(state: number, value: unknown): void {
    const cycle = this.count++;
    this.visits[state]++;
    this.latest[state] = cycle;
    if (cycle < this.limit) {
      this.states.push(state);
      this.values.push(value);
    } else {
      this.states[cycle % this.limit] = state;
      this.values[cycle % this.limit] = value;
    }
  }

  /** Gives the last cycle another value. */
  amend(value: unknown): void {
    this.values[(this.count - 1) % this.limit] = value;
  }

  /** Takes the last cycle back, which is to take place again. None is added any more. */
  undo(): void {
    const state = this.stateAt(--this.count);
    this.undone = 1;
    this.visits[state]--;
    this.latest[state] = this.cyclesOf(state).at(-1) ?? -1;
  }

  /** The first cycle that is still there. */
  get start(): number {
    return Math.max(0, this.count - this.states.length + this.undone);
  }

  stateAt(cycle: number): number {
    return this.states[cycle % this.limit];
  }

  /** The value of a cycle, {@link NO_VALUE} where there is none (any more). */
  valueAt(cycle: number): unknown {
    return cycle >= this.start && cycle < this.count ? this.values[cycle % this.limit] : NO_VALUE;
  }

  /** The value of a state's latest execution. */
  latestOf(state: number): unknown {
    return this.valueAt(this.latest[state]);
  }

  /** The cycles in which a state was executed, as far as they are still there. */
  cyclesOf(state: number): number[] {
    const cycles: number[] = [];
    for (let cycle = this.start; cycle < this.count; cycle++) if (this.stateAt(cycle) === state) cycles.push(cycle);
    return cycles;
  }

  /** The value of a state's execution number `index`. */
  executionOf(state: number, index: number): unknown {
    if (index === this.visits[state] - 1) return this.latestOf(state);
    const cycles = this.cyclesOf(state);
    const cycle = cycles[index - (this.visits[state] - cycles.length)];
    return cycle === undefined ? NO_VALUE : this.valueAt(cycle);
  }
}
