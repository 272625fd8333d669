/** An event that was sent to a run and not taken yet. */
export interface Letter {
  readonly event: string;
  readonly payload: unknown;
  /** Its place among all events sent. */
  readonly number: number;
  readonly taken: () => void;
  readonly refused: (error: Error) => void;
}

/** The letters of one event; those before `head` are gone. */
interface Queue {
  letters: Letter[];
  head: number;
}

/**
 * The events sent to a run, until it takes them. An event that nobody accepts yet blocks no other one; among those that
 * are accepted, the one sent first is taken first. Cost: O(events accepted) to take one, whatever else is queued.
 */
export class Mailbox {
  private readonly queues = new Map<string, Queue>();
  private sent = 0;

  /** Puts back an event of an earlier time, which nobody waits for. Before all others, in order of their numbers. */
  restore(event: string, payload: unknown, number: number): void {
    this.put({ event, payload, number, taken: () => {}, refused: () => {} });
    this.sent = number + 1;
  }

  /** The number that the next event gets. */
  get nextNumber(): number {
    return this.sent;
  }

  /** Resolves when the event is taken. */
  add(event: string, payload: unknown): Promise<void> {
    return new Promise((taken, refused) => {
      this.put({ event, payload, number: this.sent++, taken, refused });
    });
  }

  private put(letter: Letter): void {
    const queue = this.queues.get(letter.event);
    if (queue === undefined) this.queues.set(letter.event, { letters: [letter], head: 0 });
    else queue.letters.push(letter);
  }

  /** Takes the earliest of the accepted events. */
  take(accepted: ReadonlyMap<string, unknown>): Letter | undefined {
    let first: Letter | undefined;
    for (const event of accepted.keys()) {
      const queue = this.queues.get(event);
      const letter = queue?.letters[queue.head];
      if (letter !== undefined && (first === undefined || letter.number < first.number)) first = letter;
    }
    if (first === undefined) return undefined;
    const queue = this.queues.get(first.event) as Queue;
    if (++queue.head === queue.letters.length) this.queues.delete(first.event);
    else if (queue.head > 1000 && queue.head * 2 > queue.letters.length) {
      queue.letters = queue.letters.slice(queue.head);
      queue.head = 0;
    }
    return first;
  }

  /** Takes out all events that are left. */
  empty(): Letter[] {
    const left = Array.from(this.queues.values(), ({ letters, head }) => letters.slice(head)).flat();
    this.queues.clear();
    return left;
  }
}
