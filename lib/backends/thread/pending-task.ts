import type { LazyAbort } from "../../base/abort.js";
import { deferred } from "../../base/deferred.js";
import type { CallTask, ProbeTask, TaskMessage } from "./thread-protocol.js";

/** A task that waits for a worker or is executed by one. */
export class PendingTask {
  /** Whether it was sent to a worker. */
  isSent = false;
  isSettled = false;
  private readonly result = deferred<unknown>();

  constructor(
    readonly task: ProbeTask | CallTask,
    readonly transfer: ArrayBuffer[],
    private readonly abort: LazyAbort,
    readonly onMessage: ((message: TaskMessage) => void) | undefined,
  ) {}

  /** The worker's answer; rejects when there is none. */
  get answer(): Promise<unknown> {
    return this.result.promise;
  }

  resolve(answer: unknown): void {
    this.settle();
    this.result.resolve(answer);
  }

  reject(error: unknown): void {
    this.settle();
    this.result.reject(error);
  }

  private settle(): void {
    this.isSettled = true;
    this.abort.removeListener();
  }
}
