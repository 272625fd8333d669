import type { FsmContext } from "../definition/context.js";
import { AttemptContext, type AttemptControls } from "./context.js";
import type { FsmState } from "./fsm-state.js";

/** The context of one attempt of an fsm's state. */
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

  get idempotencyKey(): string {
    return `${this.runId}/${this.nodeName}.${this.cycle}`;
  }
}
