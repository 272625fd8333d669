import { Timer } from "../base/timer.js";
import { nowChecked } from "../base/clock.js";
import { Status } from "../run/status.js";
import { inputsLate } from "./errors.js";
import { failUnstarted, type FailingRun } from "./fail-node.js";

/**
 * The deadlines for nodes' inputs (`inputsTimeout`), counted from the start of the run. One timer serves them all. A
 * node whose inputs are late fails, unless its fallback replaces its result.
 */
export class InputDeadlines {
  /** Nodes that must fail because their inputs arrived too late. */
  private readonly late: number[] = [];
  /** The nodes with a deadline, earliest first. */
  private readonly order: readonly number[];
  private next = 0;
  private timer: Timer | undefined;

  /** @param timeouts - by node, in ms */
  constructor(
    private readonly run: FailingRun,
    private readonly timeouts: ReadonlyMap<number, number>,
    private readonly beganAt: number,
  ) {
    this.order = Array.from(timeouts.keys()).sort((a, b) => this.deadlineOf(a) - this.deadlineOf(b));
  }

  /** Whether nodes are to fail. */
  get hasLate(): boolean {
    return this.late.length > 0;
  }

  /** The inputs of a node have arrived. Returns false, and sets it aside to fail, if they are late. */
  isInTime(node: number): boolean {
    if (!this.timeouts.has(node) || this.run.time <= this.deadlineOf(node)) return true;
    this.late.push(node);
    return false;
  }

  /** Fails a node that was set aside. Returns false if there is none. */
  failNext(): boolean {
    const node = this.late.pop();
    if (node === undefined) return false;
    this.fail(node);
    return true;
  }

  start(): void {
    if (this.next === this.order.length) return;
    const left = this.deadlineOf(this.order[this.next]) - nowChecked();
    this.timer = Timer.after(Math.max(0, Math.ceil(left)), () => this.expire());
  }

  stop(): void {
    this.timer?.stop();
  }

  private expire(): void {
    const time = nowChecked();
    const first = this.next;
    while (this.next < this.order.length && this.deadlineOf(this.order[this.next]) <= time) this.next++;
    this.start();
    for (const node of this.order.slice(first, this.next)) this.run.reenter(() => this.expired(node));
  }

  private expired(node: number): void {
    if (this.run.state.status[node] === Status.pending) this.fail(node);
  }

  private fail(node: number): void {
    failUnstarted(this.run, node, inputsLate(this.run.state, node));
  }

  private deadlineOf(node: number): number {
    return this.beganAt + (this.timeouts.get(node) as number);
  }
}
