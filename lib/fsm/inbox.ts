import type { ExecutionError } from "../run/errors.js";
import type { QueuedEvent } from "../stores/store.js";
import type { Wait } from "./transition.js";
import type { FsmRecorder } from "./durable/recorder.js";
import { Mailbox, newEvent, type Letter, type Sender } from "./mailbox.js";

/** The run that events are sent to. */
export interface Receiver {
  readonly isOver: boolean;
  /** There is an event that it may wait for. */
  mailCame(): void;
  /** The error for an event that it does not take. */
  refusal(event: string): ExecutionError;
}

/**
 * The events that a run of an fsm is sent: each is recorded, where there is a store, and kept until it is taken, or the run
 * ends; whoever sent it is told.
 */
export class Inbox {
  private readonly mailbox = new Mailbox();
  /** What was sent before the run had begun; undefined from then on. */
  private early: (() => void)[] | undefined = [];

  constructor(
    private readonly run: Receiver,
    private readonly recorder: FsmRecorder | undefined,
  ) {}

  /**
   * Resolves when the run has taken the event and, with a store, that is durable.
   * @throws {ExecutionError} when it ends first; {StoreError} UNSTORABLE, or when it can't be written
   */
  send(event: string, payload: unknown): Promise<void> {
    return new Promise((taken, refused) => {
      const post = () => {
        if (this.run.isOver) return refused(this.run.refusal(event));
        try {
          this.post([newEvent(event, payload)], { taken, refused });
        } catch (unstorable) {
          refused(unstorable);
        }
      };
      if (this.early === undefined || this.run.isOver) post();
      else this.early.push(post);
    });
  }

  /** Sends events to a run that its store knows: all, in order, or none. @throws {StoreError} UNSTORABLE */
  sendAll(events: readonly QueuedEvent[]): void {
    this.postEarly();
    this.post(events, undefined);
  }

  /** The run has begun, or is over: what was sent before is kept, or refused. */
  postEarly(): void {
    const { early = [] } = this;
    this.early = undefined;
    for (const post of early) post();
  }

  /** @throws {StoreError} UNSTORABLE */
  private post(events: readonly QueuedEvent[], sender: Sender | undefined): void {
    this.recorder?.sent(events);
    this.deliver(events, sender);
  }

  /** Takes in events that are recorded. */
  deliver(events: readonly QueuedEvent[], sender?: Sender): void {
    if (this.run.isOver) return;
    for (const event of events) this.mailbox.add({ ...event, sender });
    this.run.mailCame();
  }

  /** The first event that is waited for and was sent in time. */
  first({ events, after }: Wait): Letter | undefined {
    return this.mailbox.first(events, after?.at);
  }

  /** An event that {@link Inbox.first} gave is gone, together with what is recorded next. */
  take(letter: Letter): void {
    this.mailbox.take(letter);
    this.recorder?.taken(letter.id);
  }

  /** Tells the sender of an event that was taken when all that has been recorded by now is durable. */
  acknowledge({ sender }: Letter): void {
    if (sender === undefined) return;
    const { taken, refused } = sender;
    if (this.recorder === undefined) taken();
    else this.recorder.written().then(taken, refused);
  }

  /** What is left stays recorded, for when the run goes on; unless its sender can be told that it was refused. */
  empty(isPaused: boolean): void {
    const { recorder } = this;
    for (const letter of this.mailbox.empty()) {
      const { id, event, sender } = letter;
      if (isPaused && recorder !== undefined) this.acknowledge(letter);
      else if (sender !== undefined) {
        recorder?.taken(id);
        sender.refused(this.run.refusal(event));
      }
    }
  }
}
