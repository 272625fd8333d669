import type { DagwrightError } from "../base/errors.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import { History, NO_VALUE, type Cycle } from "./history.js";
import type { PauseFacts } from "./pause.js";
import { RunBase } from "./run-base.js";
import type { WaitingFor } from "./waiting-for.js";

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
  /** What the run waits for, or the runs inside its state. */
  waitingFor: WaitingFor | undefined = undefined;
  /** The pause of the state that paused the run. */
  pause: (PauseFacts & { readonly node: string }) | undefined = undefined;
  /** Whether the run ended by `stop`, a terminal state or a plain value. */
  isTerminated = false;

  constructor(
    readonly plan: FsmPlan,
    inputs: Readonly<Record<string, unknown>>,
    runId: string | (() => string) | undefined,
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

  protected owns(name: string): boolean {
    return this.plan.indexOf.has(name) || executionIn(this.plan, name) !== undefined;
  }

  /** Of `"state"` (the latest value), `"state.2"` (of the third execution), or `"state.node"` (of a workflow inside). */
  has(name: string): boolean {
    return this.owns(name) ? this.own(name) !== NO_VALUE : this.hasInner(name);
  }

  get(name: string): unknown {
    return this.owns(name) ? valueIn(this.own(name)) : this.getInner(name);
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

  /** The value of a state or an execution of this run itself, or {@link NO_VALUE}. */
  private own(name: string): unknown {
    const state = this.plan.indexOf.get(name);
    if (state !== undefined) return this.history.latestOf(state);
    const execution = executionIn(this.plan, name);
    return execution === undefined ? NO_VALUE : this.history.executionOf(execution.state, execution.index);
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

/** What a name such as `"state.2"` stands for; undefined if it is no execution. */
function executionIn(
  { indexOf }: FsmPlan,
  name: string,
): { readonly state: number; readonly index: number } | undefined {
  const dot = name.lastIndexOf(".");
  if (dot <= 0 || !/^\d+$/u.test(name.slice(dot + 1))) return undefined;
  const state = indexOf.get(name.slice(0, dot));
  return state === undefined ? undefined : { state, index: Number(name.slice(dot + 1)) };
}

/** A value of the history as users see it: undefined instead of {@link NO_VALUE}. */
export function valueIn(value: unknown): unknown {
  return value === NO_VALUE ? undefined : value;
}
