import type { LazyAbort } from "../../base/abort.js";
import { deferred } from "../../base/deferred.js";
import type { ThreadTrips } from "./trips.js";
import type { CallTask, ProbeTask, TaskMessage } from "./thread-protocol.js";

/** A task that waits for a worker or is executed by one. */
export class PendingTask {
  /** Whether it was sent to a worker. */
  isSent = false;
  isSettled = false;
  /** Whether it goes with no others, since a message with it could not be sent. */
  isAlone = false;
  private readonly result = deferred<unknown>();

  constructor(
    readonly task: ProbeTask | CallTask,
    readonly transfer: ArrayBuffer[],
    private readonly abort: LazyAbort,
    readonly onMessage: ((message: TaskMessage) => void) | undefined,
    /** The trips that it may go with. */
    readonly trips: ThreadTrips | undefined,
  ) {}

  /** The worker's answer; rejects when there is none. */
  get answer(): Promise<unknown> {
    return this.result.promise;
  }

  /** A message with it, and others, could not be sent. */
  travelAlone(): void {
    this.isAlone = true;
    this.isSent = false;
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
