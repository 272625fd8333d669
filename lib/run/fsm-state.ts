import type { DagwrightError } from "../base/errors.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import { History, NO_VALUE, type Cycle } from "./history.js";
import type { Pause } from "./pause.js";
import { RunBase } from "./run-base.js";

const NO_ERRORS: readonly DagwrightError[] = Object.freeze([]);

/** What one run of an fsm knows. Only engines write to it. */
export class FsmState extends RunBase {
  readonly history: History;
  /** The state that is being executed, or waits, or comes next. */
  current: number;
  /** The value that goes into the current state. */
  value: unknown = undefined;
  /** The event that led to the current state. */
  trigger: string | undefined = undefined;
  /** Failures in order, those that led to an error state included. */
  private failures: DagwrightError[] | undefined = undefined;
  /** The current state is executing: its cycle is not in the history yet. */
  isExecuting = false;
  /** How many attempts the current execution took. */
  attempt = 0;
  /** How many of them were made before this run was resumed. */
  attemptsBefore = 0;
  /** The outcome of the current execution came from the state's cache. */
  isCached = false;
  /** How often a fallback stood in. */
  fallbacks = 0;
  /** What the run waits for. */
  pauseReason: string | undefined = undefined;
  /** What the state that paused the run says. */
  pause: Pause | undefined = undefined;
  /** The run ended by `stop`, a terminal state or a plain value. */
  isTerminated = false;

  constructor(
    readonly plan: FsmPlan,
    inputs: Readonly<Record<string, unknown>>,
    runId: string | undefined,
    metadata: Readonly<Record<string, unknown>> | undefined,
    private readonly historyLimit: number,
  ) {
    super(inputs, runId, metadata);
    this.history = new History(plan.size, historyLimit);
    this.current = plan.initial;
  }

  get workflow(): string {
    return this.plan.workflow;
  }

  get errors(): readonly DagwrightError[] {
    return this.failures ?? NO_ERRORS;
  }

  /** Keeps no more errors than cycles. */
  addError(error: DagwrightError): void {
    this.failures ??= [];
    this.failures.push(error);
    if (this.failures.length > this.historyLimit) this.failures.shift();
  }

  /** Forgets the last error: what it was of takes place again. */
  forgetError(): void {
    this.failures?.pop();
  }

  has(name: string): boolean {
    return this.lookUp(name) !== NO_VALUE;
  }

  get(name: string): unknown {
    const value = this.lookUp(name);
    return value === NO_VALUE ? undefined : value;
  }

  /** The latest value of each state. */
  get results(): Record<string, unknown> {
    const record = Object.create(null) as Record<string, unknown>;
    this.plan.specs.forEach(({ name }, i) => {
      const value = this.history.latestOf(i);
      if (value !== NO_VALUE) record[name] = value;
    });
    return record;
  }

  /** The value under `"state"` (its latest) or `"state.2"` (its third execution). */
  lookUp(name: string): unknown {
    const state = this.plan.indexOf.get(name);
    if (state !== undefined) return this.history.latestOf(state);
    const dot = name.lastIndexOf(".");
    const index = name.slice(dot + 1);
    return dot > 0 && /^\d+$/u.test(index) ? this.execution(name.slice(0, dot), Number(index)) : NO_VALUE;
  }

  /** The values of all a state's executions that are kept, in order; undefined where one has none. */
  valuesOf(name: string): unknown[] {
    const state = this.plan.indexOf.get(name);
    if (state === undefined) return [];
    return this.history.cyclesOf(state).map((cycle) => valueIn(this.history.valueAt(cycle)));
  }

  /** All cycles that are kept, in order. */
  get cycles(): Cycle[] {
    const { history } = this;
    return this.eachCycle((cycle, state) => ({ state, value: valueIn(history.valueAt(cycle)) }));
  }

  /** The states of all cycles that are kept, in order. */
  get visited(): string[] {
    return this.eachCycle((_, state) => state);
  }

  private eachCycle<T>(map: (cycle: number, state: string) => T): T[] {
    const { history, plan } = this;
    const list: T[] = [];
    for (let cycle = history.start; cycle < history.count; cycle++) {
      list.push(map(cycle, plan.specs[history.stateAt(cycle)].name));
    }
    return list;
  }

  /** The value of a state's execution number `index`. */
  execution(name: string, index: number): unknown {
    const state = this.plan.indexOf.get(name);
    return state === undefined ? NO_VALUE : this.history.executionOf(state, index);
  }
}

/** A value of the history as users see it. */
export function valueIn(value: unknown): unknown {
  return value === NO_VALUE ? undefined : value;
}
