import { LazyAbort } from "./abort.js";
import { pendingOf, type Coroutine } from "./coroutine.js";
import { Timer } from "./timer.js";

/** Tracks everything that a group of coroutines waits for, to cancel it all at once. */
export class CancelScope {
  private readonly aborts = new Set<LazyAbort>();
  private end: { readonly reason: unknown } | undefined = undefined;
  /** The `subject` of the current {@link CancelScope.wait}. */
  subject: string | undefined = undefined;

  /** Cancels all current and later waits, with the reason as the error. Returns whether there were any. */
  cancel(reason: unknown): boolean {
    this.end = { reason };
    for (const abort of this.aborts) abort.abort(reason);
    return this.aborts.size > 0;
  }

  /** Whether an error is the reason for which this scope was cancelled. */
  isCancellation(error: unknown): boolean {
    return this.end !== undefined && error === this.end.reason;
  }

  /** @throws the reason, if this scope was cancelled */
  throwIfCancelled(): void {
    if (this.end !== undefined) throw this.end.reason;
  }

  /** Adds an abort controller for an operation; {@link CancelScope.remove} it when the operation ends. */
  add(): LazyAbort {
    const abort = new LazyAbort();
    this.aborts.add(abort);
    if (this.end !== undefined) abort.abort(this.end.reason);
    return abort;
  }

  remove(abort: LazyAbort): void {
    this.aborts.delete(abort);
  }

  /**
   * Waits for a value, or until this scope is cancelled.
   * @param subject - the function of a node's options that returned the value; by default the node's own function
   * @throws the reason, when this scope is cancelled
   */
  *wait<T>(work: T | PromiseLike<T>, subject?: string): Coroutine<T> {
    const pending = pendingOf(work);
    if (pending === undefined) return work as T;
    const abort = this.add();
    this.subject = subject;
    try {
      return yield abort.race(pending);
    } finally {
      this.subject = undefined;
      this.remove(abort);
    }
  }

  /** Resolves after `ms` milliseconds, or rejects with the reason if this scope is cancelled first. */
  async sleep(ms: number): Promise<void> {
    const abort = this.add();
    let timer: Timer | undefined;
    try {
      await abort.race(new Promise<void>((resolve) => (timer = Timer.after(ms, resolve))));
    } finally {
      timer?.stop();
      this.remove(abort);
    }
  }
}
