import { Queue } from "./queue.js";

/** A counting semaphore with `limit` permits. Waiters are served first in, first out, without a time limit. */
export class Semaphore {
  private readonly waiters = new Queue<() => void>();
  private acquired = 0;

  constructor(private readonly limit: number) {}

  /** Resolves once a permit is acquired. */
  async acquire(): Promise<void> {
    if (this.acquired < this.limit) this.acquired++;
    else await new Promise<void>((grant) => this.waiters.push(grant));
  }

  /** Releases a permit, which passes to the first waiter. */
  release(): void {
    const { first } = this.waiters;
    if (first === undefined) {
      this.acquired--;
      return;
    }
    this.waiters.remove(first);
    first.value();
  }
}
