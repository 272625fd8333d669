import { Timer } from "../base/timer.js";
import { nowChecked } from "../base/clock.js";

/**
 * Knows how long nodes may wait for their inputs (`inputsTimeout`), counted from the start of the run. One timer
 * watches over all of them.
 */
export class InputDeadlines {
  /** The nodes whose inputs came too late, to be failed. */
  readonly late: number[] = [];
  /** The nodes with a deadline, the earliest first. */
  private readonly order: readonly number[];
  private next = 0;
  private timer: Timer | undefined;

  /**
   * @param timeouts - by node, in ms
   * @param onExpired - called for each node when its time is over
   */
  constructor(
    private readonly timeouts: ReadonlyMap<number, number>,
    private readonly beganAt: number,
    private readonly onExpired: (node: number) => void,
  ) {
    this.order = Array.from(timeouts.keys()).sort((a, b) => this.deadlineOf(a) - this.deadlineOf(b));
  }

  /** Whether inputs that are there at `time` come too late. */
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
