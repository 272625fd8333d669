import type { InputDeadlines } from "../input-deadlines.js";
import type { Executor } from "./executor.js";

/** Wraps an executor: nodes whose inputs arrived too late are set aside to fail. */
export class Punctual implements Executor {
  constructor(
    private readonly inner: Executor,
    private readonly deadlines: Pick<InputDeadlines, "isInTime" | "hasLate">,
  ) {}

  get isEmpty(): boolean {
    return !this.deadlines.hasLate && this.inner.isEmpty;
  }

  get first(): number {
    return this.inner.first;
  }

  ready(node: number): void {
    if (this.deadlines.isInTime(node)) this.inner.ready(node);
  }

  settled(node: number): void {
    this.inner.settled?.(node);
  }

  add(node: number): void {
    this.inner.add(node);
  }

  take(lane: number): number {
    return this.inner.take(lane);
  }
}
