import type { QueuedEvent } from "../../stores/store.js";
import type { Recorder } from "../durable/recorder.js";
import { EventQueue, newEvent, type PendingEvent, type Sender } from "./event-queue.js";

/** The run that events are sent to. */
export interface Receiver {
  readonly isOver: boolean;
  /** In ms since 1970. */
  timeOfDay(): number;
  /** Called when events have been added, with their names. */
  eventsAdded(names: readonly string[]): void;
  /** The error for an event that the run did not take. */
  notTaken(event: string): Error;
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
    private readonly recorder: Recorder | undefined,
  ) {}

  /**
   * Resolves when the run has taken the event and, with a store, that is durable.
   * @throws the error of {@link Receiver.notTaken} when the run ends first; {StoreError} UNSTORABLE, or when the event
   *   can't be written
   */
  send(event: string, payload: unknown): Promise<void> {
    return this.sendOnce(event, payload, (sent, sender) => this.record([sent], sender));
  }

  /**
   * Resolves when the event is durable; without a store, when the run has taken it.
   * @param check - throws if the event is not to be sent, when the run has begun
   * @throws as {@link Inbox.send}
   */
  submit(event: string, payload: unknown, check: () => void): Promise<void> {
    const { recorder } = this;
    return this.sendOnce(event, payload, (sent, sender) => {
      check();
      this.record([sent], recorder === undefined ? sender : undefined);
      recorder?.written().then(sender.taken, sender.refused);
    });
  }

  private sendOnce(
    event: string,
    payload: unknown,
    record: (sent: QueuedEvent, sender: Sender) => void,
  ): Promise<void> {
    return new Promise((taken, refused) => {
      const send = () => {
        if (this.run.isOver) return refused(this.run.notTaken(event));
        try {
          record(newEvent(event, payload, this.run.timeOfDay()), { taken, refused });
        } catch (error) {
          refused(error);
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

  /** Sends the events that came before the run began. Called when it has begun, or has ended without beginning. */
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

  /** Adds events that are already recorded. */
  add(events: readonly QueuedEvent[], sender?: Sender): void {
    if (this.run.isOver || events.length === 0) return;
    for (const event of events) this.queue.add({ ...event, sender });
    this.run.eventsAdded(events.map(({ event }) => event));
  }

  /** The first of the accepted events that was sent at `latest` or before, in ms since 1970. */
  peek(accepted: Iterable<string>, latest?: number): PendingEvent | undefined {
    return this.queue.peek(accepted, latest);
  }

  /**
   * Removes an event that {@link Inbox.peek} returned. It is recorded as taken in the same write as what it leads to.
   */
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
   * Empties the queue of a run that has ended. If a recorded run is to continue, its events stay recorded until it
   * does; all others are refused, if their sender is in this process.
   */
  close({ continues }: { readonly continues: boolean }): void {
    const { recorder } = this;
    for (const event of this.queue.drain()) {
      const { id, sender } = event;
      if (continues && recorder !== undefined) this.acknowledge(event);
      else if (sender !== undefined) {
        recorder?.taken(id);
        sender.refused(this.run.notTaken(event.event));
      }
    }
  }
}
