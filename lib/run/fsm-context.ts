import type { FsmContext } from "../definition/context.js";
import { AttemptContext, type AttemptControls } from "./context.js";
import { valueIn, type FsmState } from "./fsm-state.js";
import type { Cycle } from "./history.js";

/** The context of an attempt of an fsm's state. */
export class StateContext extends AttemptContext<FsmState> implements FsmContext {
  readonly cycle: number;
  readonly trigger: string | undefined;

  constructor(state: FsmState, node: number, attempt: number, controls: AttemptControls) {
    super(state, node, attempt, controls);
    this.cycle = state.history.count;
    this.trigger = state.trigger;
  }

  get nodeName(): string {
    return this.state.plan.specs[this.node].name;
  }

  protected get subject(): string {
    return `state "${this.nodeName}"`;
  }

  get stateHistory(): readonly string[] {
    this.readsResults();
    return this.state.visited;
  }

  get cycleResults(): readonly Cycle[] {
    this.readsResults();
    return this.state.cycles;
  }

  getHistory(state: string): unknown[] {
    this.readsResults();
    return this.state.valuesOf(state);
  }

  getCycle(state: string, index: number): unknown {
    this.readsResults();
    return valueIn(this.state.execution(state, index));
  }

  getLatest(state: string): unknown {
    return this.get(state);
  }

  get idempotencyKey(): string {
    return `${this.runId}/${this.nodeName}.${this.cycle}`;
  }

  override toJSON(): object {
    const { cycle, stateHistory } = this;
    return { ...super.toJSON(), cycle, stateHistory };
  }
}
