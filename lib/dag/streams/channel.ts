import { deferred, type Deferred } from "../../base/deferred.js";

/** How a stream has ended. */
interface End {
  readonly error?: unknown;
  readonly failed: boolean;
}

/**
 * The items that a node produces, on their way to the nodes that stream them. Each consumer gets every item. The buffer
 * holds what the slowest one has yet to take; when it is full, the producer waits.
 */
export class Channel {
  private readonly items: unknown[] = [];
  /** The position of the first item in the buffer. */
  private start = 0;
  private end: End | undefined;
  private room: Deferred<void> | undefined;
  private readonly readers = new Map<number, Reader>();

  /**
   * @param consumers - the nodes that stream it
   * @param onAbandoned - called when the last of them has let go before the end
   */
  constructor(
    private readonly buffer: number,
    consumers: Iterable<number>,
    private readonly onAbandoned: () => void,
  ) {
    for (const consumer of consumers) this.readers.set(consumer, new Reader(this, consumer));
  }

  /** Whether nobody takes items any longer. */
  get isAbandoned(): boolean {
    return this.readers.size === 0;
  }

  /** Whether any item was produced. */
  get hasBegun(): boolean {
    return this.start + this.items.length > 0;
  }

  /** Adds an item. Returns a promise while the buffer is full. */
  push(item: unknown): Promise<void> | undefined {
    if (this.isAbandoned) return undefined;
    this.items.push(item);
    for (const reader of this.readers.values()) reader.wake();
    this.drop();
    if (this.items.length < this.buffer) return undefined;
    return (this.room ??= deferred()).promise;
  }

  /** Ends the stream. With an error, each consumer's next item after those in the buffer throws it. */
  close(end: End): void {
    this.end ??= end;
    for (const reader of this.readers.values()) reader.wake();
  }

  /** The items, for a consumer. */
  reader(consumer: number): AsyncIterableIterator<unknown> {
    return this.readers.get(consumer) ?? new Reader(this, consumer);
  }

  /** A consumer takes no more items. */
  leave(consumer: number): void {
    if (!this.readers.delete(consumer)) return;
    this.drop();
    if (this.isAbandoned && this.end === undefined) this.onAbandoned();
  }

  /** @internal For readers: the item at a position; undefined when it has yet to come, or the stream has ended. */
  at(position: number): { readonly value: unknown } | undefined {
    const index = position - this.start;
    return index < this.items.length ? { value: this.items[index] } : undefined;
  }

  /** @internal */
  get ending(): End | undefined {
    return this.end;
  }

  /** @internal Drops what all consumers have taken. */
  drop(): void {
    let slowest = this.start + this.items.length;
    for (const { position } of this.readers.values()) slowest = Math.min(slowest, position);
    if (slowest > this.start) this.items.splice(0, slowest - this.start);
    this.start = slowest;
    if (this.items.length >= this.buffer || this.room === undefined) return;
    this.room.resolve();
    this.room = undefined;
  }
}

/** A consumer's view of a stream. */
class Reader implements AsyncIterableIterator<unknown> {
  position = 0;
  private waiting: Deferred<IteratorResult<unknown>>[] = [];
  private isDone = false;

  constructor(
    private readonly channel: Channel,
    private readonly consumer: number,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    const next = deferred<IteratorResult<unknown>>();
    this.waiting.push(next);
    this.wake();
    return next.promise;
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    this.isDone = true;
    this.wake();
    this.channel.leave(this.consumer);
    return Promise.resolve({ done: true, value });
  }

  /** Answers calls of `next` as far as possible. */
  wake(): void {
    while (this.waiting.length > 0) {
      const item = this.isDone ? undefined : this.channel.at(this.position);
      const { ending } = this.channel;
      if (item !== undefined) {
        this.position++;
        this.waiting.shift()?.resolve({ done: false, value: item.value });
        this.channel.drop();
      } else if (this.isDone || ending?.failed === false) {
        this.waiting.shift()?.resolve({ done: true, value: undefined });
      } else if (ending !== undefined) {
        this.isDone = true;
        this.waiting.shift()?.reject(ending.error as Error);
      } else return;
    }
  }
}
