import { deferred, type Deferred } from "../base/deferred.js";

/** How many items wait in a buffer, unless the producer says otherwise. */
export const DEFAULT_BUFFER = 16;

/** How many items that all have taken stay in the array, at least, before it is shortened. */
const SHORTEST_CUT = 64;

/** How a stream has ended. */
interface End {
  readonly error?: unknown;
  readonly failed: boolean;
}

/** A channel to nodes outside of the run that produces its items. */
export interface Outlet {
  readonly channel: Channel;
  /** Whether a node outside also takes all items at once. */
  readonly keeps: boolean;
}

/**
 * The items that a node produces, on their way to the nodes that stream them, each of which gets every item. The buffer
 * holds what the slowest of them has yet to take; when it is full, the producer waits.
 *
 * Cost: O(readers) per item. Holds at most `buffer` items.
 */
export class Channel {
  /** The items from position `first` on. Those that all have taken are undefined. */
  private items: unknown[] = [];
  private first = 0;
  /** The position of the slowest reader, and how many readers are there. */
  private slowest = 0;
  private behind = 0;
  private ending: End | undefined = undefined;
  private room: Deferred<void> | undefined = undefined;
  private readonly readers = new Set<Reader>();
  /** Called when the last reader lets go before the end. */
  onAbandoned: (() => void) | undefined = undefined;
  /** Called when the producer begins to wait for room, or a reader for an item. */
  onStall: (() => void) | undefined = undefined;

  /** @param buffer - how many items may wait for the slowest reader */
  constructor(public buffer: number) {}

  /** Whether nobody takes items any longer. */
  get isAbandoned(): boolean {
    return this.readers.size === 0;
  }

  /** The number of items so far. */
  get count(): number {
    return this.first + this.items.length;
  }

  /** Adds an item. Returns a promise while the buffer is full. */
  push(item: unknown): Promise<void> | undefined {
    if (this.ending !== undefined) return undefined;
    this.items.push(item);
    if (this.isAbandoned) return void this.advance();
    for (const reader of this.readers) reader.wake();
    if (this.count - this.slowest < this.buffer || this.ending !== undefined) return undefined;
    const { promise } = (this.room ??= deferred());
    this.onStall?.();
    return promise;
  }

  /** Whether the producer waits for room. */
  get isFull(): boolean {
    return this.room !== undefined;
  }

  /** Whether the producer waits for a reader. */
  isSlowest(reader: Reader): boolean {
    return this.readers.has(reader) && reader.position === this.slowest;
  }

  /** Makes room for one more item. */
  grow(): void {
    this.buffer = this.count - this.slowest + 1;
    this.makeRoom();
  }

  /** Ends the stream. With an error, each reader's next item after those in the buffer throws it. */
  close(end: End): void {
    this.ending ??= end;
    this.makeRoom();
    for (const reader of this.readers) reader.wake();
  }

  /** Adds a reader, which gets all items from now on. */
  join(): Reader {
    const reader = new Reader(this, this.slowest);
    this.readers.add(reader);
    this.behind++;
    return reader;
  }

  /** Whether a reader has not let go. */
  has(reader: Reader): boolean {
    return this.readers.has(reader);
  }

  /** Gives the place of a reader that has taken nothing to a new one, and ends it. */
  renew(reader: Reader): Reader {
    if (!this.readers.has(reader)) return reader;
    const next = this.join();
    this.leave(reader);
    return next;
  }

  /** A reader takes no more items. */
  leave(reader: Reader): void {
    reader.end();
    if (!this.readers.delete(reader)) return;
    this.passed(reader.position);
    if (this.isAbandoned && this.ending === undefined) this.onAbandoned?.();
  }

  /** The item at a position, in a tuple; how the stream ended, if it comes no more; undefined if it is to come. */
  at(position: number): readonly [unknown] | End | undefined {
    return position < this.count ? [this.items[position - this.first]] : this.ending;
  }

  /** A reader has left a position. */
  passed(position: number): void {
    if (position === this.slowest && --this.behind === 0) this.advance();
  }

  /** Drops what all readers have taken. */
  private advance(): void {
    let slowest = this.readers.size === 0 ? this.count : Infinity;
    for (const { position } of this.readers) {
      if (position < slowest) [slowest, this.behind] = [position, 0];
      if (position === slowest) this.behind++;
    }
    this.items.fill(undefined, this.slowest - this.first, slowest - this.first);
    this.slowest = slowest;
    const taken = slowest - this.first;
    if (taken >= SHORTEST_CUT && taken * 2 >= this.items.length) {
      this.items = this.items.slice(taken);
      this.first = slowest;
    }
    if (this.count - slowest < this.buffer) this.makeRoom();
  }

  private makeRoom(): void {
    this.room?.resolve();
    this.room = undefined;
  }
}

/** The items of a channel, for one node. Ends when that lets go of it. */
export class Reader implements AsyncIterableIterator<unknown> {
  private waiting: Deferred<IteratorResult<unknown>>[] = [];
  private isDone = false;

  constructor(
    private readonly channel: Channel,
    /** The position of the next item. */
    public position: number,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    const next = deferred<IteratorResult<unknown>>();
    this.waiting.push(next);
    this.wake();
    if (this.isWaiting) this.channel.onStall?.();
    return next.promise;
  }

  /** Whether it waits for an item. */
  get isWaiting(): boolean {
    return this.waiting.length > 0;
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    this.channel.leave(this);
    return Promise.resolve({ done: true, value });
  }

  end(): void {
    this.isDone = true;
    this.wake();
  }

  /** Answers calls of `next` as far as possible. */
  wake(): void {
    while (this.waiting.length > 0) {
      const step = this.isDone ? undefined : this.channel.at(this.position);
      if (step === undefined && !this.isDone) return;
      const next = this.waiting.shift() as Deferred<IteratorResult<unknown>>;
      if (Array.isArray(step)) {
        next.resolve({ done: false, value: (step as readonly unknown[])[0] });
        this.channel.passed(this.position++);
      } else {
        this.isDone = true;
        const end = step as End | undefined;
        if (end?.failed === true) next.reject(end.error);
        else next.resolve({ done: true, value: undefined });
      }
    }
  }
}
