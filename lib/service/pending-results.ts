import { show } from "../base/check.js";
import { lookLater } from "../base/clockwork.js";
import { deferred, type Deferred } from "../base/deferred.js";
import { ClosedError, StoreError } from "../base/errors.js";
import { afterTurn } from "../base/event-loop.js";
import { endedResult } from "../engine/durable/restored-children.js";
import { recordedError } from "../engine/durable/restore.js";
import { isUnreachable } from "../stores/database/store-failure.js";
import type { RunQueue, RunEndKind } from "../stores/queue/queue.js";
import type { RunStore } from "../stores/store.js";

/**
 * The results of runs that others wait for. One query asks the store for all of them: when the store reports that a run
 * has ended, and otherwise from time to time. Runs that this process drives are settled at once.
 */
export class PendingResults {
  private readonly pending = new Map<string, Deferred<object>>();
  /** Keeps the process alive while a result is open. */
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | undefined;
  private isAskedAgain = false;
  private closed: ClosedError | undefined;
  private readonly stopListening: () => void;

  constructor(
    private readonly store: RunStore,
    private readonly queue: RunQueue,
    private readonly interval: number,
    /** What they are waited for through, for messages. */
    private readonly owner: "service" | "client",
  ) {
    this.stopListening = queue.onWake((what) => {
      if (what === "ended") this.poll();
    });
  }

  /** Settles when the run has ended. */
  of(runId: string): Promise<object> {
    if (this.closed !== undefined) return Promise.reject(this.closed);
    let found = this.pending.get(runId);
    if (found === undefined) {
      this.pending.set(runId, (found = deferred()));
      this.poll();
    }
    return found.promise;
  }

  /** A run that this process drives has ended. @param error - what it rejects with */
  settle(runId: string, result: object, error: Error | undefined): void {
    if (error === undefined) this.take(runId)?.resolve(result);
    else this.take(runId)?.reject(error);
  }

  /** Rejects all pending results. */
  close(): void {
    this.closed = new ClosedError(
      `The ${this.owner} is closed. Wait for results before it is, or ask another ${this.owner}.`,
    );
    this.stopListening();
    clearTimeout(this.timer);
    for (const runId of Array.from(this.pending.keys())) this.take(runId)?.reject(this.closed);
  }

  private take(runId: string): Deferred<object> | undefined {
    const found = this.pending.get(runId);
    this.pending.delete(runId);
    return found;
  }

  /** Asks the store now, or again after the question that is under way. */
  private poll(): void {
    if (this.pending.size === 0) return;
    clearTimeout(this.timer);
    this.isAskedAgain = this.polling !== undefined;
    this.polling ??= this.ask().finally(() => {
      this.polling = undefined;
      if (this.closed !== undefined || this.pending.size === 0) return;
      if (this.isAskedAgain) this.poll();
      else this.timer = lookLater(() => this.poll(), this.interval);
    });
  }

  private async ask(): Promise<void> {
    // In a later turn, so that results that are asked for together are one question.
    await afterTurn();
    let ends: ReadonlyMap<string, RunEndKind>;
    try {
      ends = await this.queue.endsOf(Array.from(this.pending.keys()));
    } catch (error) {
      // A store that can't be reached now is asked again.
      if (!isUnreachable(error)) for (const runId of Array.from(this.pending.keys())) this.take(runId)?.reject(error);
      return;
    }
    await Promise.all(Array.from(ends, ([runId, kind]) => this.read(runId, kind)));
  }

  private async read(runId: string, kind: RunEndKind): Promise<void> {
    if (kind === "gone") {
      const message = `There is no run ${show(runId)}: it was never submitted, or is deleted. Submit it again.`;
      return this.take(runId)?.reject(new StoreError(message, "NOT_FOUND"));
    }
    try {
      const recorded = await this.store.read(runId);
      const result = endedResult(recorded);
      this.settle(runId, result, recordedError(recorded, result));
    } catch (error) {
      if (!isUnreachable(error)) this.take(runId)?.reject(error);
    }
  }
}
