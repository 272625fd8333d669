/** Holds back started nodes, or items of a map, until everything recorded before them is durable. */
export class DurabilityBarrier<T> {
  /** The nodes or items that are held back, and the write that they wait for. */
  private held: T[] = [];
  private durable: Promise<void> | undefined;
  /** The released nodes or items, from `next` on. */
  private open: T[] = [];
  private next = 0;

  /** @param onOpen - called when something is released */
  constructor(private readonly onOpen: () => void) {}

  /** @param durable - resolves when it is released; rejects only after the run has ended */
  add(started: T, durable: Promise<void>): void {
    if (this.durable !== durable) {
      const held: T[] = [];
      this.held = held;
      this.durable = durable;
      durable.then(
        () => this.letIn(held),
        () => {}, // The run has ended with this error.
      );
    }
    this.held.push(started);
  }

  get isEmpty(): boolean {
    return this.next === this.open.length;
  }

  /** Takes the next one that is released; there must be one. */
  take(): T {
    return this.open[this.next++];
  }

  private letIn(released: T[]): void {
    this.durable = undefined;
    this.open = this.isEmpty ? released : [...this.open.slice(this.next), ...released];
    this.next = 0;
    this.onOpen();
  }
}
