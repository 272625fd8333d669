import type { DagwrightError } from "../base/errors.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import { History, NO_VALUE, type Cycle } from "./history.js";
import type { PauseFacts } from "./pause.js";
import { RunBase } from "./run-base.js";

const NO_ERRORS: readonly DagwrightError[] = Object.freeze([]);

/** The state of an fsm's run. Only the engine writes to it. */
export class FsmState extends RunBase {
  readonly history: History;
  /** The state that is executing, waiting, or next. */
  current: number;
  /** The value that the current state gets. */
  value: unknown = undefined;
  /** The event that led to the current state. */
  trigger: string | undefined = undefined;
  /** The failures in order, including those that led to an error state. */
  private failures: DagwrightError[] | undefined = undefined;
  /** Whether the current state is executing, so that its cycle is not in the history yet. */
  isExecuting = false;
  /** The number of attempts of the current execution. */
  attempt = 0;
  /** How many of them were made before the run was resumed. */
  attemptsBefore = 0;
  /** Whether the outcome of the current execution came from the cache. */
  isCached = false;
  /** How often a fallback was used. */
  fallbacks = 0;
  /** The events that the run waits for, or the reason given by the state that paused it. */
  pauseReason: string | undefined = undefined;
  /** The pause of the state that paused the run. */
  pause: (PauseFacts & { readonly node: string }) | undefined = undefined;
  /** Whether the run ended by `stop`, a terminal state or a plain value. */
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

  /** Adds an error, and drops the oldest one beyond the history limit. */
  addError(error: DagwrightError): void {
    this.failures ??= [];
    this.failures.push(error);
    if (this.failures.length > this.historyLimit) this.failures.shift();
  }

  /** Drops the last error, whose execution is repeated. */
  forgetError(): void {
    this.failures?.pop();
  }

  has(name: string): boolean {
    return this.lookUp(name) !== NO_VALUE;
  }

  get(name: string): unknown {
    return valueIn(this.lookUp(name));
  }

  /** The key of the child run of the current execution. */
  get executionKey(): string {
    return `${this.plan.specs[this.current].name}.${this.history.visits[this.current]}`;
  }

  /** The latest value of each state, by name. */
  get results(): Record<string, unknown> {
    const record = Object.create(null) as Record<string, unknown>;
    this.plan.specs.forEach(({ name }, i) => {
      const value = this.history.latestOf(i);
      if (value !== NO_VALUE) record[name] = value;
    });
    return record;
  }

  /** The value for `"state"` (the latest), `"state.2"` (the third execution), or `"state.node"` (a workflow inside). */
  lookUp(name: string): unknown {
    const state = this.plan.indexOf.get(name);
    if (state !== undefined) return this.history.latestOf(state);
    const dot = name.lastIndexOf(".");
    const index = name.slice(dot + 1);
    const isExecution = dot > 0 && /^\d+$/u.test(index) && this.plan.indexOf.has(name.slice(0, dot));
    if (isExecution) return this.execution(name.slice(0, dot), Number(index));
    return this.hasInner(name) ? this.getInner(name) : NO_VALUE;
  }

  /** The values of a state's executions in the history, in order; undefined for one without a value. */
  valuesOf(name: string): unknown[] {
    const state = this.plan.indexOf.get(name);
    if (state === undefined) return [];
    return this.history.cyclesOf(state).map((cycle) => valueIn(this.history.valueAt(cycle)));
  }

  /** The cycles in the history, in order. */
  get cycles(): Cycle[] {
    const { history } = this;
    return this.eachCycle((cycle, state) => ({ state, value: valueIn(history.valueAt(cycle)) }));
  }

  /** The states of the cycles in the history, in order. */
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

  /** The value of a state's execution by index, or {@link NO_VALUE}. */
  execution(name: string, index: number): unknown {
    const state = this.plan.indexOf.get(name);
    return state === undefined ? NO_VALUE : this.history.executionOf(state, index);
  }
}

/** A value of the history as users see it: undefined instead of {@link NO_VALUE}. */
export function valueIn(value: unknown): unknown {
  return value === NO_VALUE ? undefined : value;
}
