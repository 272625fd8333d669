/**
 * A priority queue that also supports removal from anywhere: a binary heap that keeps the position of each value.
 * `push` and `remove` cost O(log size). It can contain each value only once.
 */
export class Heap<T> {
  private readonly values: T[] = [];
  private readonly positions = new Map<T, number>();

  /** @param isBefore - whether `a` comes before `b`; a strict total order */
  constructor(private readonly isBefore: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.values.length;
  }

  /** The next value. */
  get first(): T | undefined {
    return this.values[0];
  }

  push(value: T): void {
    this.siftUp(value, this.values.length);
  }

  /** Removes a value, and returns whether it was there. */
  remove(value: T): boolean {
    const position = this.positions.get(value);
    if (position === undefined) return false;
    this.positions.delete(value);
    const last = this.values.pop() as T;
    if (position === this.values.length) return true;
    const parent = (position - 1) >> 1;
    if (position > 0 && this.isBefore(last, this.values[parent])) this.siftUp(last, position);
    else this.siftDown(last, position);
    return true;
  }

  private siftUp(value: T, from: number): void {
    const { values } = this;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(value, values[parent])) break;
      this.put(values[parent], at);
      at = parent;
    }
    this.put(value, at);
  }

  private siftDown(value: T, from: number): void {
    const { values } = this;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= values.length) break;
      if (child + 1 < values.length && this.isBefore(values[child + 1], values[child])) child++;
      if (!this.isBefore(values[child], value)) break;
      this.put(values[child], at);
      at = child;
    }
    this.put(value, at);
  }

  private put(value: T, at: number): void {
    this.values[at] = value;
    this.positions.set(value, at);
  }
}
