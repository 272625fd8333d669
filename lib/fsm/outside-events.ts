import { Inbox, type Receiver } from "../engine/events/inbox.js";
import { PayloadChecks } from "../engine/events/payload-checks.js";
import { ReceivedEvents } from "../engine/events/received-events.js";
import { placeOfEvent } from "../planning/event-places.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import { noRunInside } from "../run/early-event.js";
import type { QueuedEvent } from "../stores/store.js";
import type { FsmRecorder } from "./durable/recorder.js";

/** The run that events are sent to. */
export interface SentRun extends Receiver {
  readonly state: { readonly runId: string; readonly plan: FsmPlan };
}

/**
 * The events that are sent to an fsm's run, here and in other processes, on their way to its inbox. If the fsm declares
 * its events, others are refused, and payloads are checked.
 */
export class OutsideEvents {
  readonly inbox: Inbox;
  private readonly checks = new PayloadChecks();

  /** @param recorded - the events that the run has not taken */
  constructor(
    private readonly run: SentRun,
    private readonly recorder: FsmRecorder | undefined,
    recorded: readonly QueuedEvent[] = [],
  ) {
    const inbox = new Inbox(run, recorder);
    this.inbox = inbox;
    const { events } = run.state.plan;
    const received = recorder && events && new ReceivedEvents(recorder, events, inbox, "state");
    recorder?.subscribe((added) => (received ?? inbox).add(added), recorded);
  }

  /**
   * See {@link Inbox.send}.
   * @throws {ValidationError} for an event that is not declared, or a payload that its schema refuses; {ExecutionError}
   *   for one of a workflow inside that has not begun
   */
  async send(event: string, given: unknown): Promise<void> {
    const { inbox, recorder } = this;
    const { runId, plan } = this.run.state;
    if (plan.events === undefined) return inbox.send(event, given);
    const { way, schema } = placeOfEvent(plan.receiver, event);
    if (way.length > 0) throw noRunInside(runId, way[0], event);
    // Until it is checked and recorded, the caller may change it.
    const payload = recorder === undefined ? given : recorder.copyOf(given);
    return this.checks.inOrder(event, payload, schema, (checked) => inbox.send(event, checked));
  }
}
