import { deferred, type Deferred } from "../base/deferred.js";
import type { Holder, SlotSource } from "../policies/holder.js";
import type { Permits } from "./permits.js";
import type { Slot } from "./slot.js";
import { StreamWait } from "./stream-wait.js";

/** The size of a buffer, in items, unless the producer sets one. */
export const DEFAULT_BUFFER = 16;

/** The array is shortened when at least this many of its items were taken by all readers. */
const SHORTEST_CUT = 64;

/** The error of a failed stream, in place of an item. */
class Failure {
  constructor(readonly error: unknown) {}
}

type Answer = IteratorResult<unknown> | Failure;

function asResult(answer: Answer): IteratorResult<unknown> | Promise<never> {
  return answer instanceof Failure ? Promise.reject(answer.error) : answer;
}

/** A call of `next` that waits. */
interface Waiter {
  readonly resolve: (result: IteratorResult<unknown> | Promise<never>) => void;
  /** Released while the node waits. */
  readonly slot: Slot | undefined;
}

/** How a stream ended. */
interface End {
  readonly error?: unknown;
  readonly failed: boolean;
}

/** What the nodes that run at the same time share. */
export interface StreamGroup {
  readonly permits: Permits;
  /** Their slot of a scheduler, if there is one. */
  readonly turn: SlotSource | undefined;
}

/** A node that puts items into channels or takes them out, as the search for circular waits sees it. */
export interface Party {
  /** Undefined for a node that runs alone. */
  readonly group: StreamGroup | undefined;
  /** The node in the wait-for graph. */
  readonly holder: Holder;
  waits(): Iterable<StreamWait>;
  /** The waits for items of this node, and of the nodes that contain it. */
  waitsForItems(): Iterable<StreamWait>;
  /** Called when it begins to wait. Returns an error if the wait would never end. */
  stalled(wait: StreamWait): Error | undefined;
  /** Called when a node inside fills the channels instead of this one. */
  contain(inner: Party): void;
  /** Whether its streams alone can form a circular wait. */
  readonly mayCircle: boolean;
  /** What the nodes that need its result wait for. */
  readonly result: StreamWait;
}

/** A channel to nodes outside the run that produces its items. */
export interface Outlet {
  readonly channel: Channel;
  /** The outer node that the run belongs to. */
  readonly outer: Party;
  /** Whether an outer node also takes all items at once. */
  readonly keeps: boolean;
}

/**
 * The items that a node produces, on their way to the nodes that stream them, each of which gets every item. The buffer
 * holds what the slowest of them has yet to take; when it is full, the producer waits.
 *
 * Cost: O(readers) per item. Holds at most `buffer` items.
 */
export class Channel {
  /** The items from position `first` on; undefined where all readers have taken the item. */
  private items: unknown[] = [];
  private first = 0;
  /** The position of the slowest reader, and how many readers are there. */
  private slowest = 0;
  private behind = 0;
  private ending: End | undefined = undefined;
  private room: Deferred<void> | undefined = undefined;
  private readonly readers: Cursor[] = [];
  /** Called when the last reader leaves before the end. */
  onAbandoned: (() => void) | undefined = undefined;
  /** What a reader waits for. */
  readonly nextItem = new StreamWait("the next item of", () => this.producer);

  /**
   * @param buffer - how many items may wait for the slowest reader
   * @param producer - replaced by the node inside it that produces the items, once that is known
   */
  constructor(
    public buffer: number,
    public producer: Party,
  ) {}

  /** Whether no reader is left. */
  get isAbandoned(): boolean {
    return this.readers.length === 0;
  }

  /** The number of items so far. */
  get count(): number {
    return this.first + this.items.length;
  }

  /**
   * Adds an item. Returns a promise while the buffer is full.
   * @param slot - released while the producer waits, which has to resume it
   */
  push(item: unknown, slot?: Slot): Promise<void> | undefined {
    if (this.ending !== undefined) return undefined;
    if (this.readers.length === 1 && this.readers[0].isWaiting) return void this.handOver(item, this.readers[0]);
    this.items.push(item);
    if (this.isAbandoned) return void this.advance();
    for (const reader of this.readers) reader.wake();
    if (this.count - this.slowest < this.buffer || this.ending !== undefined) return undefined;
    const { promise } = (this.room ??= deferred());
    // Released before the search for a circular wait, since others may need it.
    slot?.suspend();
    for (const wait of this.waitsForRoom()) this.producer.stalled(wait);
    return promise;
  }

  /** Gives an item to the only reader, which is waiting for it. */
  private handOver(item: unknown, reader: Cursor): void {
    this.first = this.slowest = ++reader.position;
    reader.settle({ done: false, value: item });
  }

  /** Whether the producer waits for room. */
  get isFull(): boolean {
    return this.room !== undefined;
  }

  /** What the producer waits for while it has no room. */
  *waitsForRoom(): Generator<StreamWait> {
    if (this.room === undefined) return;
    for (const { position, room } of this.readers) if (position === this.slowest) yield room;
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

  /** Adds a reader, which gets all items pushed after this call. */
  join(owner: Party): Cursor {
    const reader = new Cursor(this, owner, this.slowest);
    this.readers.push(reader);
    this.behind++;
    return reader;
  }

  /** Whether a reader has not left. */
  has(reader: Cursor): boolean {
    return this.readers.includes(reader);
  }

  /** Gives the place of a reader that has taken nothing to a new one, and ends it. */
  renew(reader: Cursor): Cursor {
    const next = this.join(reader.owner);
    this.leave(reader);
    return next;
  }

  /** Removes a reader, which takes no more items. */
  leave(reader: Cursor): void {
    reader.end();
    const at = this.readers.indexOf(reader);
    if (at < 0) return;
    this.readers.splice(at, 1);
    this.passed(reader.position);
    if (this.isAbandoned && this.ending === undefined) this.onAbandoned?.();
  }

  /** How the stream has ended; undefined while items may come. */
  get end(): End | undefined {
    return this.ending;
  }

  /** Gives a reader the item at its position. Call it only if there is one. */
  take(reader: Cursor): unknown {
    const item = this.items[reader.position - this.first];
    this.passed(reader.position++);
    return item;
  }

  /** Called when a reader has left a position. */
  private passed(position: number): void {
    if (position === this.slowest && --this.behind === 0) this.advance();
  }

  /** Drops what all readers have taken. */
  private advance(): void {
    let slowest = this.isAbandoned ? this.count : Infinity;
    for (const { position } of this.readers) {
      if (position < slowest) [slowest, this.behind] = [position, 0];
      if (position === slowest) this.behind++;
    }
    const taken = slowest - this.first;
    for (let i = this.slowest - this.first; i < taken; i++) this.items[i] = undefined;
    this.slowest = slowest;
    if (taken === this.items.length) {
      this.items.length = 0;
      this.first = slowest;
    } else if (taken >= SHORTEST_CUT && taken * 2 >= this.items.length) {
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

/** The place of one node in a channel, until the node leaves. */
export class Cursor {
  /** The first waiting call of `next`, and the others. Usually there is only one. */
  private waiter: Waiter | undefined = undefined;
  private readonly others: Waiter[] = [];
  private isDone = false;
  /** What the producer waits for while this node holds it back. */
  readonly room: StreamWait;

  constructor(
    private readonly channel: Channel,
    readonly owner: Party,
    /** The position of the next item. */
    public position: number,
  ) {
    this.room = new StreamWait("room in the stream to", () => owner, channel);
  }

  next(slot: Slot | undefined): Promise<IteratorResult<unknown>> {
    const answer = this.isWaiting ? undefined : this.tryTake();
    if (answer !== undefined) return Promise.resolve(asResult(answer));
    const next = new Promise<IteratorResult<unknown>>((resolve) => {
      const waiter = { resolve, slot };
      if (this.waiter === undefined) this.waiter = waiter;
      else this.others.push(waiter);
    });
    slot?.suspend();
    const error = this.owner.stalled(this.channel.nextItem);
    if (error !== undefined) this.settle(new Failure(error));
    return next;
  }

  /** Takes the next item if one is ready. */
  private tryTake(): Answer | undefined {
    if (this.hasItem) return { done: false, value: this.channel.take(this) };
    const { end } = this.channel;
    if (!this.isDone && end === undefined) return undefined;
    const fails = !this.isDone && end?.failed === true;
    this.isDone = true;
    return fails ? new Failure(end.error) : { done: true, value: undefined };
  }

  private get hasItem(): boolean {
    return !this.isDone && this.position < this.channel.count;
  }

  /** Whether it waits for an item. */
  get isWaiting(): boolean {
    return this.waiter !== undefined;
  }

  return(value: unknown): Promise<IteratorResult<unknown>> {
    this.channel.leave(this);
    return Promise.resolve({ done: true, value });
  }

  end(): void {
    this.isDone = true;
    this.wake();
  }

  /** Answers the first waiting call of `next`, as soon as its node may go on. */
  settle(answer: Answer): void {
    const { waiter, others } = this;
    this.waiter = others.length === 0 ? undefined : others.shift();
    if (waiter === undefined) return;
    const { slot, resolve } = waiter;
    let resumed: Promise<unknown> | undefined;
    try {
      resumed = slot?.resume();
    } catch (error) {
      return resolve(Promise.reject(error));
    }
    if (resumed === undefined) resolve(asResult(answer));
    else resolve(resumed.then(() => asResult(answer)) as Promise<never>);
  }

  /** Answers calls of `next` as far as possible. */
  wake(): void {
    while (this.isWaiting) {
      const answer = this.tryTake();
      if (answer === undefined) return;
      this.settle(answer);
    }
  }
}

/** The items of a channel, as a node takes them. */
export class Reader implements AsyncIterableIterator<unknown> {
  /** @param slot - released while the node waits for an item */
  constructor(
    private readonly cursor: Cursor,
    private readonly slot?: Slot,
  ) {}

  /** The node that receives them, or one inside it. */
  get owner(): Party {
    return this.cursor.owner;
  }

  /** The same items, for a node with another slot. */
  with(slot: Slot): Reader {
    return new Reader(this.cursor, slot);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.cursor.next(this.slot);
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    return this.cursor.return(value);
  }
}
