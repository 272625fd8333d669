import type { LazyAbort } from "../../base/abort.js";
import { isThenable, pendingOf, whenSettled } from "../../base/coroutine.js";
import { deferred } from "../../base/deferred.js";
import { afterTurn, Strides } from "../../base/event-loop.js";
import { GRACE } from "../../base/source.js";
import { Timer } from "../../base/timer.js";
import type { Channel } from "../../engine/channel.js";
import type { Slot } from "../../engine/slot.js";

/** What a generator function returns. */
export type Source = Generator<unknown> | AsyncGenerator<unknown>;

/** Where the items of a generator go. */
interface Destination {
  readonly channel: Channel | undefined;
  /** Released while there is no room. */
  readonly slot: Slot;
  /** Whether they are kept as a list as well. */
  readonly keeps: boolean;
  /** Whether the event loop turns after each item. */
  readonly isSequential: boolean;
}

/**
 * Passes the items of a generator on. As in `for await`, items of a plain generator that are promises are awaited.
 *
 * When no consumer is left, or the attempt is aborted, `return` of the generator is called, and its `finally` is waited
 * for. A generator that is computing an item meanwhile, and ignores its signal, gets one second; then it is abandoned.
 */
export class Production {
  /** Whether the generator has to end. */
  private isStopped = false;
  private isAbandoned = false;
  /** Whether the generator computes an item. */
  private isComputing = false;
  private returned: Promise<void> | undefined = undefined;
  private grace: Timer | undefined = undefined;
  private readonly givenUp = deferred<undefined>();
  private readonly strides = new Strides();
  private readonly items: unknown[] | undefined;

  constructor(
    private readonly source: Source,
    private readonly abort: LazyAbort,
    private readonly destination: Destination,
  ) {
    this.items = destination.keeps ? [] : undefined;
  }

  /** Stops the generator, since no consumer is left. Its signal aborts whatever it waits for. */
  abandon(): void {
    this.isAbandoned = true;
    this.stop();
    if (!this.isComputing) return;
    this.abort.tell(new Error("Nobody takes the items any longer."));
    this.grace = Timer.after(GRACE, () => {
      if (this.isComputing) this.givenUp.resolve(undefined);
    });
  }

  /** Resolves with the items, or with undefined if they are not kept. */
  async run(): Promise<unknown[] | undefined> {
    const removeListener = this.abort.listen(() => this.stop());
    try {
      return await Promise.race([this.passAll(), this.givenUp.promise]);
    } finally {
      removeListener();
      this.grace?.stop();
    }
  }

  private async passAll(): Promise<unknown[] | undefined> {
    const { source } = this;
    try {
      if (Symbol.asyncIterator in source) await this.passLater(source);
      else await this.passNow(source);
      await this.returned;
    } catch (error) {
      // A plain generator does not notice that one of its items was rejected.
      this.stop();
      await this.returned;
      if (!this.isAbandoned) throw error;
    }
    return this.items;
  }

  /** Uses callbacks, since an `await` takes longer than everything else done for an item. */
  private passLater(source: AsyncGenerator<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const pull = (): void => {
        if (this.isStopped) return resolve();
        this.isComputing = true;
        whenSettled(source.next(), arrived, reject);
      };
      const arrived = ({ done, value }: IteratorResult<unknown>): void => {
        this.isComputing = false;
        if (done === true || this.isStopped) return resolve();
        const wait = this.pass(value);
        if (wait === undefined) pull();
        else wait.then(pull, reject);
      };
      pull();
    });
  }

  private async passNow(source: Generator<unknown>): Promise<void> {
    while (!this.isStopped) {
      this.isComputing = true;
      const { done, value } = source.next();
      const pending = done === true ? undefined : pendingOf(value);
      const item = pending === undefined ? value : await pending;
      this.isComputing = false;
      if (done === true || this.isStopped) return;
      const wait = this.pass(item);
      if (wait !== undefined) await wait;
    }
  }

  /** Passes an item on. Returns a promise to wait for before the next one, if any. */
  private pass(item: unknown): Promise<void> | undefined {
    this.items?.push(item);
    const { channel, slot } = this.destination;
    const room = channel?.push(item, slot);
    return room === undefined ? this.nextTurn() : room.then(() => this.goOn());
  }

  /** Called when there is room again. */
  private goOn(): Promise<void> | undefined {
    const resumed = this.destination.slot.resume();
    return resumed === undefined ? this.nextTurn() : resumed.then(() => this.nextTurn());
  }

  private nextTurn(): Promise<void> | undefined {
    return this.destination.isSequential ? afterTurn() : this.strides.nextTurn();
  }

  private stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.returned = returnOf(this.source);
  }
}

/** Ends a generator, which runs its `finally`. Its errors come too late: the node has its outcome. */
async function returnOf(source: Source): Promise<void> {
  // A plain generator that is running can't be ended.
  await Promise.resolve();
  try {
    await source.return(undefined);
  } catch {
    // The generator has ended nevertheless.
  }
}

/** The items of a plain generator; if one of them is a promise, a generator of the same items instead. */
export function collect(source: Generator<unknown>): unknown[] | Generator<unknown> {
  const items: unknown[] = [];
  for (let step = source.next(); step.done !== true; step = source.next()) {
    items.push(step.value);
    if (isThenable(step.value)) return continued(items, source);
  }
  return items;
}

function* continued(items: readonly unknown[], source: Generator<unknown>): Generator<unknown> {
  try {
    yield* items;
    yield* source;
  } finally {
    source.return(undefined);
  }
}
