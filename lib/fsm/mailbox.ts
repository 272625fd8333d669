import { newRunId } from "../base/ids.js";
import type { QueuedEvent } from "../stores/store.js";
import { timeOfDay } from "../stores/time.js";

/** An event that is sent now. */
export function newEvent(event: string, payload: unknown): QueuedEvent {
  return { id: newRunId(), event, payload, sentAt: timeOfDay() };
}

/** Who waits for what becomes of an event. */
export interface Sender {
  readonly taken: () => void;
  readonly refused: (error: Error) => void;
}

/** An event that was sent to a run and not taken yet. */
export interface Letter extends QueuedEvent {
  /** Undefined for one that was recorded before: nobody waits for it here. */
  readonly sender: Sender | undefined;
}

/** A letter, and its place among all that came. */
interface Item {
  readonly letter: Letter;
  readonly number: number;
}

/** The letters of one event; those before `head` are gone. */
interface Queue {
  items: Item[];
  head: number;
}

/**
 * The events sent to a run, until it takes them. An event that nobody accepts yet blocks no other one; among those that
 * are accepted, the one that came first is taken first. Cost: O(events accepted) to find one, whatever else is queued.
 */
export class Mailbox {
  private readonly queues = new Map<string, Queue>();
  private count = 0;

  add(letter: Letter): void {
    const item = { letter, number: this.count++ };
    const queue = this.queues.get(letter.event);
    if (queue === undefined) this.queues.set(letter.event, { items: [item], head: 0 });
    else queue.items.push(item);
  }

  /** The earliest of the accepted events, of those sent at `latest` or before, in ms since 1970. */
  first(accepted: ReadonlyMap<string, unknown>, latest = Infinity): Letter | undefined {
    let first: Item | undefined;
    for (const event of accepted.keys()) {
      const queue = this.queues.get(event);
      const item = queue?.items[queue.head];
      if (item === undefined || item.letter.sentAt > latest) continue;
      if (first === undefined || item.number < first.number) first = item;
    }
    return first?.letter;
  }

  /** Takes out a letter that {@link Mailbox.first} gave. */
  take({ event }: Letter): void {
    const queue = this.queues.get(event) as Queue;
    if (++queue.head === queue.items.length) this.queues.delete(event);
    else if (queue.head > 1000 && queue.head * 2 > queue.items.length) {
      queue.items = queue.items.slice(queue.head);
      queue.head = 0;
    }
  }

  /** Takes out all events that are left. */
  empty(): Letter[] {
    const left = Array.from(this.queues.values(), ({ items, head }) => items.slice(head)).flat();
    this.queues.clear();
    return left.map(({ letter }) => letter);
  }
}
