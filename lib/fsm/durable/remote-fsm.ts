import type { RemoteRun } from "../../engine/durable/handles.js";
import { PayloadChecks } from "../../engine/events/payload-checks.js";
import { placeOfEvent } from "../../planning/event-places.js";
import type { FsmPlan } from "../../planning/fsm-plan.js";
import type { FsmResult, StateKey } from "../../run/fsm-result.js";
import type { RecordedRun, RunStore, StateVisit } from "../../stores/store.js";
import type { FsmHandle, RemoteFsmHandle } from "../handle.js";
import { StateWaiters } from "../state-waiters.js";

/**
 * The run of an fsm that another process drives. Polls the store for its states, and sends it events through the store.
 *
 * Polling misses no state: each poll begins with the first cycle that the last one did not read.
 */
export class RemoteFsm<S, E> implements RemoteFsmHandle<S, E>, RemoteRun<RemoteFsmHandle<S, E>> {
  readonly pause: () => Promise<FsmResult<S>>;
  private readonly runId: string;
  private readonly workflow: string;
  private readonly local: Promise<FsmHandle<S, E>>;
  private last: StateVisit;
  private readonly waiters = new StateWaiters();
  /** Settles when all events sent so far have been recorded or refused. */
  private sending: Promise<unknown> | undefined;
  private readonly checks = new PayloadChecks();

  /** @param how - see {@link RecordedRuns.remote} */
  constructor(
    { runId, workflow, cycles }: RecordedRun,
    private readonly plan: FsmPlan,
    private readonly store: RunStore,
    how: { readonly pause: () => Promise<FsmResult<S>>; readonly local: Promise<FsmHandle<S, E>> },
  ) {
    this.runId = runId;
    this.workflow = workflow;
    this.pause = how.pause;
    this.local = how.local;
    this.last = cycles.at(-1) ?? { cycle: -1, state: plan.specs[plan.initial].name };
  }

  get handle(): RemoteFsmHandle<S, E> {
    return this;
  }

  get state(): StateKey<S> {
    return this.last.state as StateKey<S>;
  }

  async send(event: string, payload?: unknown): Promise<void> {
    const { runId, workflow, store, plan } = this;
    const { schema, ...place } = placeOfEvent(plan.receiver, event);
    const copy = schema === undefined ? payload : store.copyOf(payload);
    return this.checks.inOrder(event, copy, schema, (checked) => {
      const event = { runId, workflow, kind: "fsm", ...place, payload: checked, key: undefined } as const;
      const sent = store.send(event, this.sending);
      this.sending = sent.catch(() => {});
      return sent;
    });
  }

  async waitFor(state: StateKey<S>): Promise<void> {
    if (this.state === state) return;
    const entered = this.waiters.add(this.plan.indexOf.get(state) as number);
    await Promise.race([entered, this.local.then((handle) => this.waitLocally(handle, state))]);
  }

  /** Waits for a state that the run may have been in since the last poll, before it came to this process. */
  private async waitLocally(handle: FsmHandle<S, E>, state: StateKey<S>): Promise<void> {
    const entered = handle.waitFor(state);
    entered.catch(() => {});
    await this.poll();
    return entered;
  }

  async poll(): Promise<void> {
    for (const visit of await this.store.cyclesAfter(this.runId, this.last.cycle)) {
      if (visit.cycle <= this.last.cycle) continue;
      this.last = visit;
      const index = this.plan.indexOf.get(visit.state);
      if (index !== undefined) this.waiters.entered(index);
    }
  }
}
