import type { Executor } from "./executor.js";

/** The nodes that wait before they start. */
export interface Waiting {
  has(node: number): boolean;
  /** The needs of a node that waits have completed. */
  arrive(node: number): void;
  /** Whether nodes have arrived, and not begun to wait. */
  readonly hasArrived: boolean;
  /** Lets the nodes that have arrived begin to wait. */
  begin(): void;
  /** In a synchronous run: blocks until the first wait ends. Returns false if no node waits. */
  passTime(): boolean;
  /** A node has settled. */
  settled(node: number): void;
}

/** Wraps an executor: nodes that wait come to it when their time has come. */
export class Patient implements Executor {
  constructor(
    private readonly inner: Executor,
    private readonly waiting: Waiting,
  ) {}

  get isEmpty(): boolean {
    return !this.waiting.hasArrived && this.inner.isEmpty;
  }

  get first(): number {
    return this.inner.first;
  }

  ready(node: number): void {
    if (this.waiting.has(node)) this.waiting.arrive(node);
    else this.inner.ready(node);
  }

  /** A node has waited. */
  waited(node: number): void {
    this.inner.ready(node);
  }

  settled(node: number): void {
    this.inner.settled?.(node);
    this.waiting.settled(node);
  }

  add(node: number): void {
    this.inner.add(node);
  }

  take(lane: number): number {
    for (;;) {
      this.waiting.begin();
      const node = this.inner.take(lane);
      if (node >= 0 || this.waiting.hasArrived || !this.waiting.passTime()) return node;
    }
  }
}
