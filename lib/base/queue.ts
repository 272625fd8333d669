/** A value in a {@link Queue}, as a node of its linked list. */
export interface QueueEntry<T> {
  readonly value: T;
  isQueued: boolean;
  previous: QueueEntry<T> | undefined;
  next: QueueEntry<T> | undefined;
}

/**
 * A first-in, first-out queue that also supports removal from anywhere: a doubly linked list. All operations cost O(1).
 */
export class Queue<T> {
  private head: QueueEntry<T> | undefined;
  private tail: QueueEntry<T> | undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The entry of the next value. */
  get first(): QueueEntry<T> | undefined {
    return this.head;
  }

  /** Adds a value at the end. */
  push(value: T): QueueEntry<T> {
    const entry: QueueEntry<T> = { value, isQueued: true, previous: this.tail, next: undefined };
    if (this.tail === undefined) this.head = entry;
    else this.tail.next = entry;
    this.tail = entry;
    this.count++;
    return entry;
  }

  /** Removes an entry, which must be in the queue. */
  remove(entry: QueueEntry<T>): void {
    if (entry.previous === undefined) this.head = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.tail = entry.previous;
    else entry.next.previous = entry.previous;
    entry.isQueued = false;
    this.count--;
  }
}
