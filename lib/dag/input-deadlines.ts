import { Timer } from "../base/timer.js";
import { nowChecked } from "../base/clock.js";

/**
 * The deadlines for nodes' inputs (`inputsTimeout`), counted from the start of the run. One timer serves them all.
 */
export class InputDeadlines {
  /** Nodes that must fail because their inputs arrived too late. */
  readonly late: number[] = [];
  /** The nodes with a deadline, earliest first. */
  private readonly order: readonly number[];
  private next = 0;
  private timer: Timer | undefined;

  /**
   * @param timeouts - by node, in ms
   * @param onExpired - called for each node whose deadline has passed
   */
  constructor(
    private readonly timeouts: ReadonlyMap<number, number>,
    private readonly beganAt: number,
    private readonly onExpired: (node: number) => void,
  ) {
    this.order = Array.from(timeouts.keys()).sort((a, b) => this.deadlineOf(a) - this.deadlineOf(b));
  }

  /** Whether inputs that arrive at `time` are too late. */
  isLate(node: number, time: number): boolean {
    return this.timeouts.has(node) && time > this.deadlineOf(node);
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
    for (const node of this.order.slice(first, this.next)) this.onExpired(node);
  }

  private deadlineOf(node: number): number {
    return this.beganAt + (this.timeouts.get(node) as number);
  }
}
