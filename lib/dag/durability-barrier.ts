/** Holds started nodes back until everything recorded before them is durable. */
export class DurabilityBarrier {
  /** The nodes held back, and the write that they wait for. */
  private nodes: number[] = [];
  private durable: Promise<void> | undefined;
  /** Released nodes, from `next` on. */
  private open: number[] = [];
  private next = 0;

  /** @param onOpen - called when nodes are released */
  constructor(private readonly onOpen: () => void) {}

  /** @param durable - resolves when the node is released; rejects only after the run has ended */
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

  /** Takes the next released node; there must be one. */
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
