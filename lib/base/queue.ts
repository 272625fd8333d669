/** A value in a {@link Queue}. */
export interface Place<T> {
  readonly value: T;
  /** It has not been taken out. */
  isQueued: boolean;
  before: Place<T> | undefined;
  behind: Place<T> | undefined;
}

/** First in, first out, and out from anywhere: a doubly linked list. All operations cost O(1). */
export class Queue<T> {
  private head: Place<T> | undefined;
  private tail: Place<T> | undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The place of the value that is next. */
  get first(): Place<T> | undefined {
    return this.head;
  }

  /** Adds a value at the end. */
  push(value: T): Place<T> {
    const place: Place<T> = { value, isQueued: true, before: this.tail, behind: undefined };
    if (this.tail === undefined) this.head = place;
    else this.tail.behind = place;
    this.tail = place;
    this.count++;
    return place;
  }

  /** Takes a value out; its place must be in the queue. */
  remove(place: Place<T>): void {
    if (place.before === undefined) this.head = place.behind;
    else place.before.behind = place.behind;
    if (place.behind === undefined) this.tail = place.before;
    else place.behind.before = place.before;
    place.isQueued = false;
    this.count--;
  }
}
