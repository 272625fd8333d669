/** An event that was sent to a run and not taken yet. */
interface Letter {
  readonly event: string;
  readonly payload: unknown;
  readonly number: number;
  taken(): void;
  refused(error: Error): void;
}

/**
 * The events sent to a run, until it takes them. An event that nobody accepts yet blocks no other one; among those that
 * are accepted, the one sent first is taken first. Cost: O(events accepted) to take one, whatever else is queued.
 */
export class Mailbox {
  private readonly letters = new Map<string, Letter[]>();
  private sent = 0;

  /** Resolves when the event is taken. */
  add(event: string, payload: unknown): Promise<void> {
    return new Promise((taken, refused) => {
      const letter = { event, payload, number: this.sent++, taken, refused };
      const queue = this.letters.get(event);
      if (queue === undefined) this.letters.set(event, [letter]);
      else queue.push(letter);
    });
  }

  /** Takes the earliest of the accepted events. */
  take(accepted: ReadonlyMap<string, unknown>): Letter | undefined {
    let first: Letter | undefined;
    for (const event of accepted.keys()) {
      const letter = this.letters.get(event)?.[0];
      if (letter !== undefined && (first === undefined || letter.number < first.number)) first = letter;
    }
    if (first === undefined) return undefined;
    const queue = this.letters.get(first.event) as Letter[];
    queue.shift();
    if (queue.length === 0) this.letters.delete(first.event);
    return first;
  }

  /** Refuses all events that were not taken. */
  close(error: (event: string) => Error): void {
    const left = Array.from(this.letters.values()).flat();
    this.letters.clear();
    for (const letter of left) letter.refused(error(letter.event));
  }
}
