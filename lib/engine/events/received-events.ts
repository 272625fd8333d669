import { show } from "../../base/check.js";
import { ValidationError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { warn } from "../../base/warning.js";
import type { MemberWord } from "../../definition/defined.js";
import type { DeclaredEvents } from "../../definition/specs/event-schemas.js";
import type { QueuedEvent } from "../../stores/store.js";
import type { Inbox } from "./inbox.js";
import { checkedPayload } from "./payloads.js";

/** The run that receives events. */
export interface ReceivingRun {
  readonly runId: string;
  /** Records that an event was taken or refused. */
  taken(id: string): void;
}

/**
 * The events that other processes record for a run, on their way to its inbox. Those whose senders did not know the
 * workflow are checked here: one that its schema refuses, or that the workflow does not take, is dropped with a warning, since
 * its sender has gone on. All stay in order.
 */
export class ReceivedEvents {
  /** Settles when the events so far are checked; undefined if they are. */
  private checking: Promise<void> | undefined;

  constructor(
    private readonly run: ReceivingRun,
    private readonly events: DeclaredEvents,
    private readonly inbox: Inbox,
    private readonly word: MemberWord,
  ) {}

  /** @returns a promise that resolves when the events are in the inbox; undefined if they are there at once */
  add(events: readonly QueuedEvent[]): Promise<void> | undefined {
    if (this.checking === undefined && !events.some(({ isUnchecked }) => isUnchecked)) this.inbox.add(events);
    else for (const event of events) this.addOne(event);
    return this.checking;
  }

  private addOne(event: QueuedEvent): void {
    const { payload } = event;
    let checked: unknown;
    try {
      checked = event.isUnchecked === true ? this.checked(event) : payload;
    } catch (error) {
      return this.refuse(event, error);
    }
    const accept = (accepted: unknown) => this.inbox.add([{ ...event, payload: accepted }]);
    if (this.checking === undefined && !(checked instanceof Promise)) return accept(checked);
    const adding = Promise.allSettled([checked, this.checking]).then(([outcome]) => {
      if (outcome.status === "fulfilled") accept(outcome.value);
      else this.refuse(event, outcome.reason);
    });
    this.checking = adding;
    void adding.then(() => {
      if (this.checking === adding) this.checking = undefined;
    });
  }

  /** The payload of an event as parsed by its schema. @throws {ValidationError} */
  private checked({ event, payload }: QueuedEvent): unknown {
    const declared = this.events.get(event);
    if (declared === undefined) throw new ValidationError(`No ${this.word} waits for the event ${show(event)}.`);
    return checkedPayload(event, payload, declared.schema);
  }

  private refuse({ id }: QueuedEvent, error: unknown): void {
    this.run.taken(id);
    warn(`An event sent to run ${show(this.run.runId)} is dropped: ${messageOf(error)}`, "DagwrightEventWarning");
  }
}
