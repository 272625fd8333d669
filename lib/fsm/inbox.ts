import type { ExecutionError } from "../run/errors.js";
import type { QueuedEvent } from "../stores/store.js";
import type { FsmRecorder } from "./durable/recorder.js";
import { EventQueue, newEvent, type PendingEvent, type Sender } from "./event-queue.js";
import type { Wait } from "./transition.js";

/** The run that events are sent to. */
export interface Receiver {
  readonly isOver: boolean;
  /** Called when events have been added. */
  eventsAdded(): void;
  /** The error for an event that the run did not take. */
  notTaken(event: string): ExecutionError;
}

/**
 * Receives the events sent to a run: records them, if there is a store, and keeps them until the run takes them or
 * ends, which settles the sender's promise.
 */
export class Inbox {
  private readonly queue = new EventQueue();
  /** Sends made before the run began; undefined afterwards. */
  private early: (() => void)[] | undefined = [];

  constructor(
    private readonly run: Receiver,
    private readonly recorder: FsmRecorder | undefined,
  ) {}

  /**
   * Resolves when the run has taken the event and, with a store, that is durable.
   * @throws {ExecutionError} when the run ends first; {StoreError} UNSTORABLE, or when the event can't be written
   */
  send(event: string, payload: unknown): Promise<void> {
    return new Promise((taken, refused) => {
      const send = () => {
        if (this.run.isOver) return refused(this.run.notTaken(event));
        try {
          this.record([newEvent(event, payload)], { taken, refused });
        } catch (unstorable) {
          refused(unstorable);
        }
      };
      if (this.early === undefined || this.run.isOver) send();
      else this.early.push(send);
    });
  }

  /** Sends events to a run that is in its store: all of them, in order, or none. @throws {StoreError} UNSTORABLE */
  sendAll(events: readonly QueuedEvent[]): void {
    this.open();
    this.record(events, undefined);
  }

  /** Performs the sends made before the run began. Called when it has begun, or has ended without beginning. */
  open(): void {
    const { early = [] } = this;
    this.early = undefined;
    for (const send of early) send();
  }

  /** @throws {StoreError} UNSTORABLE */
  private record(events: readonly QueuedEvent[], sender: Sender | undefined): void {
    this.recorder?.sent(events);
    this.add(events, sender);
  }

  /** Adds events that are recorded. */
  add(events: readonly QueuedEvent[], sender?: Sender): void {
    if (this.run.isOver) return;
    for (const event of events) this.queue.add({ ...event, sender });
    this.run.eventsAdded();
  }

  /** The first event that the wait accepts and that was sent by its deadline. */
  peek({ events, after }: Wait): PendingEvent | undefined {
    return this.queue.peek(events, after?.at);
  }

  /** Removes an event that {@link Inbox.peek} returned. It is recorded as taken together with the next cycle. */
  take(event: PendingEvent): void {
    this.queue.remove(event);
    this.recorder?.taken(event.id);
  }

  /** Tells the sender of a taken event, as soon as everything recorded so far is durable. */
  acknowledge({ sender }: PendingEvent): void {
    if (sender === undefined) return;
    const { taken, refused } = sender;
    if (this.recorder === undefined) taken();
    else this.recorder.written().then(taken, refused);
  }

  /**
   * Empties the queue of a run that has ended. Events of a paused, recorded run stay recorded until it continues; all
   * others are refused, if their sender is in this process.
   */
  close({ isPaused }: { readonly isPaused: boolean }): void {
    const { recorder } = this;
    for (const event of this.queue.drain()) {
      const { id, sender } = event;
      if (isPaused && recorder !== undefined) this.acknowledge(event);
      else if (sender !== undefined) {
        recorder?.taken(id);
        sender.refused(this.run.notTaken(event.event));
      }
    }
  }
}
