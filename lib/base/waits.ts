import { LazyAbort } from "./abort.js";
import { Alarm } from "./alarm.js";
import { pendingOf, type Coroutine } from "./coroutine.js";

/** All that coroutines wait for, so that it can be given up at once. */
export class Waits {
  private readonly current = new Set<LazyAbort>();
  private end: { readonly reason: unknown } | undefined = undefined;
  /** What the latest wait is for, if it was said, as long as that lasts. */
  subject: string | undefined = undefined;

  /** Gives up whatever is being waited for, with the reason as error; says whether there was anything. */
  giveUp(reason: unknown): boolean {
    this.end = { reason };
    for (const abort of this.current) abort.abort(reason);
    return this.current.size > 0;
  }

  /** Whether the error says that waiting was given up. */
  isGivenUp(error: unknown): boolean {
    return this.end !== undefined && error === this.end.reason;
  }

  /** @throws the reason, when waiting has been given up */
  throwIfGivenUp(): void {
    if (this.end !== undefined) throw this.end.reason;
  }

  /** The abort of something that takes its time; to be left when that is over. */
  enter(): LazyAbort {
    const abort = new LazyAbort();
    this.current.add(abort);
    if (this.end !== undefined) abort.abort(this.end.reason);
    return abort;
  }

  leave(abort: LazyAbort): void {
    this.current.delete(abort);
  }

  /**
   * Waits for something, until waiting is given up.
   * @param subject - what of the node has given it; by default its function
   * @throws the reason when waiting is given up
   */
  *for<T>(work: T | PromiseLike<T>, subject?: string): Coroutine<T> {
    const pending = pendingOf(work);
    if (pending === undefined) return work as T;
    const abort = this.enter();
    this.subject = subject;
    try {
      return yield abort.race(pending);
    } finally {
      this.subject = undefined;
      this.leave(abort);
    }
  }

  /** Resolves after `ms`, unless it is given up before. */
  async pause(ms: number): Promise<void> {
    const abort = this.enter();
    let alarm: Alarm | undefined;
    try {
      await abort.race(new Promise<void>((resolve) => (alarm = Alarm.after(ms, resolve))));
    } finally {
      alarm?.stop();
      this.leave(abort);
    }
  }
}
