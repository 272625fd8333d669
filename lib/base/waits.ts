import { LazyAbort } from "./abort.js";
import { isThenable, type Coroutine } from "./coroutine.js";

/** All that coroutines wait for, so that it can be given up at once. */
export class Waits {
  private readonly current = new Set<LazyAbort>();
  private end: { readonly reason: unknown } | undefined;

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

  /** The abort of something that takes its time; to be left when that is over. */
  enter(): LazyAbort {
    const abort = new LazyAbort();
    this.current.add(abort);
    return abort;
  }

  leave(abort: LazyAbort): void {
    this.current.delete(abort);
  }

  /** Waits until it is given up. What is begun after that goes on unheard. */
  *for<T>(work: T | PromiseLike<T>): Coroutine<T | undefined> {
    if (!isThenable(work)) return work;
    if (this.end !== undefined) return void Promise.resolve(work).catch(() => {});
    const abort = this.enter();
    try {
      return yield abort.interruptible(work);
    } finally {
      this.leave(abort);
    }
  }

  /** Resolves after `ms`, unless it is given up before. */
  async pause(ms: number): Promise<void> {
    const abort = this.enter();
    let timer: NodeJS.Timeout | undefined;
    try {
      await abort.interruptible(new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))));
    } finally {
      clearTimeout(timer);
      this.leave(abort);
    }
  }
}
