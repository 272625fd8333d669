/** The value of a cycle without one, which failed or was cancelled. */
export const NO_VALUE = Symbol("no value");

/** One execution of a state. */
export interface Cycle {
  /** The name of the state. */
  readonly state: string;
  /** The value that it left in the history; undefined if the execution failed. */
  readonly value: unknown;
}

/**
 * The values of a run's cycles; with a limit only of the latest ones, in a ring buffer.
 *
 * Cycles and the executions of each state are counted from 0 over the entire run, including those that were dropped.
 * Cost: O(1) per cycle. Looking up an execution other than a state's latest costs O(cycles in the history).
 */
export class History {
  /** The number of cycles so far. */
  count = 0;
  /** How often each state was executed. */
  readonly visits: number[];
  /** The cycle of each state's latest execution; -1 if there is none. */
  private readonly latest: number[];
  private readonly states: number[] = [];
  private readonly values: unknown[] = [];
  /** How many entries belong to cycles that were undone. */
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

  /** Changes the value of the last cycle. */
  amend(value: unknown): void {
    this.values[(this.count - 1) % this.limit] = value;
  }

  /** Removes the last cycle, which is repeated after a resume. No cycle may be added afterwards. */
  undo(): void {
    const state = this.stateAt(--this.count);
    this.undone = 1;
    this.visits[state]--;
    this.latest[state] = this.cyclesOf(state).at(-1) ?? -1;
  }

  /** The first cycle that is still in the history. */
  get start(): number {
    return Math.max(0, this.count - this.states.length + this.undone);
  }

  stateAt(cycle: number): number {
    return this.states[cycle % this.limit];
  }

  /** The value of a cycle; {@link NO_VALUE} if it has none, or was dropped. */
  valueAt(cycle: number): unknown {
    return cycle >= this.start && cycle < this.count ? this.values[cycle % this.limit] : NO_VALUE;
  }

  /** The value of a state's latest execution. */
  latestOf(state: number): unknown {
    return this.valueAt(this.latest[state]);
  }

  /** The cycles in the history in which a state was executed. */
  cyclesOf(state: number): number[] {
    const cycles: number[] = [];
    for (let cycle = this.start; cycle < this.count; cycle++) if (this.stateAt(cycle) === state) cycles.push(cycle);
    return cycles;
  }

  /** The value of a state's execution by index, or {@link NO_VALUE}. */
  executionOf(state: number, index: number): unknown {
    if (index === this.visits[state] - 1) return this.latestOf(state);
    const cycles = this.cyclesOf(state);
    const cycle = cycles[index - (this.visits[state] - cycles.length)];
    return cycle === undefined ? NO_VALUE : this.valueAt(cycle);
  }
}
