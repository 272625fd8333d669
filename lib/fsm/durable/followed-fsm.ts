import type { FsmPlan } from "../../planning/fsm-plan.js";
import type { FsmResult, StateKey } from "../../run/fsm-result.js";
import type { RecordedRun, RunStore, StateVisit } from "../../stores/store.js";
import type { FsmElsewhere, FsmHandle } from "../handle.js";
import { StateWaiters } from "../state-waiters.js";
import type { Elsewhere } from "../../engine/durable/recorded-runs.js";

/**
 * A run of an fsm that another process drives: followed by what is recorded of it, and sent events through the store.
 *
 * No state is missed that it was in: each look begins where the one before has ended.
 */
export class FollowedFsm<S, E> implements FsmElsewhere<S, E>, Elsewhere<FsmElsewhere<S, E>> {
  private readonly runId: string;
  private readonly workflow: string;
  private last: StateVisit;
  private readonly waiters = new StateWaiters();
  /** Settles when all events sent so far have been recorded, or refused. */
  private sending: Promise<unknown> | undefined;

  /** @param here - its handle, when no other process drives it any more */
  constructor(
    readonly pause: () => Promise<FsmResult<S>>,
    private readonly plan: FsmPlan,
    { runId, workflow, cycles }: RecordedRun,
    private readonly store: RunStore,
    private readonly here: Promise<FsmHandle<S, E>>,
  ) {
    this.runId = runId;
    this.workflow = workflow;
    this.last = cycles.at(-1) ?? { cycle: -1, state: plan.specs[plan.initial].name };
  }

  get handle(): FsmElsewhere<S, E> {
    return this;
  }

  get state(): StateKey<S> {
    return this.last.state as StateKey<S>;
  }

  send(event: string, payload?: unknown): Promise<void> {
    const { runId, workflow, store } = this;
    const sent = store.send({ runId, workflow, event, payload, key: undefined }, this.sending);
    this.sending = sent.catch(() => {});
    return sent;
  }

  async waitFor(state: StateKey<S>): Promise<void> {
    if (this.state === state) return;
    const entered = this.waiters.add(this.plan.indexOf.get(state) as number);
    await Promise.race([entered, this.here.then((handle) => this.waitHere(handle, state))]);
  }

  /** Waits for a state that the run may have been in since the last look. */
  private async waitHere(handle: FsmHandle<S, E>, state: StateKey<S>): Promise<void> {
    const entered = handle.waitFor(state);
    entered.catch(() => {});
    await this.look();
    return entered;
  }

  async look(): Promise<void> {
    for (const visit of await this.store.cyclesAfter(this.runId, this.last.cycle)) {
      if (visit.cycle <= this.last.cycle) continue;
      this.last = visit;
      const index = this.plan.indexOf.get(visit.state);
      if (index !== undefined) this.waiters.entered(index);
    }
  }
}
