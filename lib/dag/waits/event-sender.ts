import type { Children } from "../../engine/children.js";
import { PayloadChecks } from "../../engine/events/payload-checks.js";
import { placeOfEvent, type EventPlace } from "../../planning/event-places.js";
import { ExecutionError } from "../../run/errors.js";
import { tooLate } from "../../run/late-event.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import type { Recorder } from "../../engine/durable/recorder.js";
import { eventRefused } from "./wait-errors.js";
import type { Waits } from "./waits.js";

/** The run that events are sent to. */
export interface SendingRun {
  readonly state: RunState;
  readonly isOver: boolean;
  readonly waits: Waits | undefined;
  readonly recorder: Pick<Recorder, "opened" | "sendInside" | "copyOf"> | undefined;
  readonly children: Children;
}

/** Sends events to a run in this process: to its own nodes, to those of runs inside, or to runs inside that have not begun. */
export class EventSender {
  private readonly checks = new PayloadChecks();

  constructor(private readonly run: SendingRun) {}

  /**
   * Resolves when the event is recorded; without a store, when a node has taken it.
   * @throws {ValidationError} for an event that no node waits for, or a payload that its schema refuses; {StoreError}
   *   RUN_ENDED, UNSTORABLE; {ExecutionError} when its nodes are over
   */
  async send(event: string, given: unknown): Promise<void> {
    const { state, children, recorder } = this.run;
    // Until it is checked and recorded, the caller may change it.
    const payload = recorder === undefined ? given : recorder.copyOf(given);
    const { plan } = state;
    const awaited = plan.waits?.events.get(event);
    if (awaited !== undefined) {
      return this.checks.inOrder(event, payload, awaited.schema, (checked) => this.submit(event, checked));
    }
    const inside = children.openAt(event);
    if (inside !== undefined) return inside.run.send(inside.event, payload);
    const members = new Map(plan.specs.map((spec) => [spec.name, spec]));
    const place = placeOfEvent({ kind: "dag", name: plan.workflow, members }, event);
    return this.checks.inOrder(event, payload, place.schema, (checked) =>
      this.sendAhead(event, { payload, checked }, place),
    );
  }

  private submit(event: string, payload: unknown): Promise<void> {
    const { waits, state } = this.run;
    if (waits?.inbox === undefined) return Promise.reject(eventRefused(state, event));
    return waits.inbox.submit(event, payload, () => {
      const refusal = waits.refusalOf(event);
      if (refusal !== undefined) throw new ExecutionError(refusal, { runId: state.runId });
    });
  }

  /** Sends an event to a run inside that has not begun. That run checks the payload again, unless it is recorded. */
  private async sendAhead(
    event: string,
    { payload, checked }: { readonly payload: unknown; readonly checked: unknown },
    { way, nodes, event: name }: EventPlace,
  ): Promise<void> {
    const { state, isOver, recorder, children } = this.run;
    const { runId, workflow, plan } = state;
    if (isOver) throw eventRefused(state, event);
    if (recorder !== undefined) {
      await recorder.opened;
      const sent = { runId, workflow, kind: "dag", way, event: name, payload: checked, nodes, key: undefined } as const;
      return recorder.sendInside(sent);
    }
    const [node] = way[0].split("[", 1);
    if (state.status[plan.indexOf.get(node) as number] < Status.completed) return children.sendLater(event, payload);
    throw new ExecutionError(tooLate(event, [node], []), { runId });
  }
}
