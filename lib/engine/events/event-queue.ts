import { newRunId } from "../../base/ids.js";
import type { QueuedEvent } from "../../stores/store.js";

/** An event sent now. */
export function newEvent(event: string, payload: unknown, sentAt: number): QueuedEvent {
  return { id: newRunId(), event, payload, sentAt };
}

/** Settles the promise that `send` returned. */
export interface Sender {
  readonly taken: () => void;
  readonly refused: (error: Error) => void;
}

/** An event sent to a run that has not taken it yet. */
export interface PendingEvent extends QueuedEvent {
  /** Undefined for an event that was recorded before: its sender is not in this process. */
  readonly sender: Sender | undefined;
}

/** A pending event, numbered in order of arrival. */
interface Item {
  readonly event: PendingEvent;
  readonly number: number;
}

/** The pending events of one name; those before `head` have been removed. */
interface Queue {
  items: Item[];
  head: number;
}

/**
 * The events sent to a run, until it takes them: a queue per name, so that an event that nothing waits for blocks no
 * other. Of the events that a wait accepts, the first to arrive comes first. Cost: O(accepted names) to find it,
 * however many are queued.
 */
export class EventQueue {
  private readonly queues = new Map<string, Queue>();
  private count = 0;

  add(event: PendingEvent): void {
    const item = { event, number: this.count++ };
    const queue = this.queues.get(event.event);
    if (queue === undefined) this.queues.set(event.event, { items: [item], head: 0 });
    else queue.items.push(item);
  }

  /** The first of the accepted events that was sent at `latest` or before, in ms since 1970. */
  peek(accepted: Iterable<string>, latest = Infinity): PendingEvent | undefined {
    let first: Item | undefined;
    for (const name of accepted) {
      const queue = this.queues.get(name);
      const item = queue?.items[queue.head];
      if (item === undefined || item.event.sentAt > latest) continue;
      if (first === undefined || item.number < first.number) first = item;
    }
    return first?.event;
  }

  /** Removes an event that {@link EventQueue.peek} returned. */
  remove({ event }: PendingEvent): void {
    const queue = this.queues.get(event) as Queue;
    if (++queue.head === queue.items.length) this.queues.delete(event);
    else if (queue.head > 1000 && queue.head * 2 > queue.items.length) {
      queue.items = queue.items.slice(queue.head);
      queue.head = 0;
    }
  }

  /** Removes all events and returns them. */
  drain(): PendingEvent[] {
    const left = Array.from(this.queues.values(), ({ items, head }) => items.slice(head)).flat();
    this.queues.clear();
    return left.map(({ event }) => event);
  }
}
