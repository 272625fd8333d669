import type { LazyAbort } from "../../base/abort.js";
import { deferred } from "../../base/deferred.js";
import type { CallTask, Notice, ProbeTask } from "./thread-protocol.js";

/** A task for a thread, and what becomes of it. */
export class Job {
  /** A thread has it, or has executed it. */
  isBegun = false;
  isSettled = false;
  private readonly result = deferred<unknown>();

  /** @param onNotice - hears what the worker says while the task goes on */
  constructor(
    readonly task: ProbeTask | CallTask,
    readonly transfer: ArrayBuffer[],
    private readonly abort: LazyAbort,
    readonly onNotice: ((notice: Notice) => void) | undefined,
  ) {}

  /** What a worker answers; rejects when it ended instead. */
  get outcome(): Promise<unknown> {
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
