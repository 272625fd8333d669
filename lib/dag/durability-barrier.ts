/** The nodes that wait to be called until all before them is durable. */
export class DurabilityBarrier {
  /** Those that wait now, and what for. */
  private nodes: number[] = [];
  private durable: Promise<void> | undefined;
  /** Those that need not wait any more, from `next` on. */
  private open: number[] = [];
  private next = 0;

  /** @param onOpen - called when nodes need not wait any more */
  constructor(private readonly onOpen: () => void) {}

  /** @param durable - resolves when the node need not wait any more; never rejects while the run goes on */
  add(node: number, durable: Promise<void>): void {
    if (this.durable !== durable) {
      const nodes: number[] = [];
      this.nodes = nodes;
      this.durable = durable;
      durable.then(
        () => this.letIn(nodes),
        () => {}, // The run has ended with this error.
      );
    }
    this.nodes.push(node);
  }

  get isEmpty(): boolean {
    return this.next === this.open.length;
  }

  /** Gives the next node that need not wait; there has to be one. */
  take(): number {
    return this.open[this.next++];
  }

  private letIn(nodes: number[]): void {
    this.durable = undefined;
    this.open = this.isEmpty ? nodes : [...this.open.slice(this.next), ...nodes];
    this.next = 0;
    this.onOpen();
  }
}
