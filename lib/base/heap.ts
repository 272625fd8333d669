/**
 * A priority queue whose values can also be taken out from anywhere: a binary heap that knows where each value is.
 * `push` and `remove` cost O(log size). A value is in it at most once.
 */
export class Heap<T> {
  private readonly values: T[] = [];
  private readonly positions = new Map<T, number>();

  /** @param goesBefore - whether `a` comes out before `b`; a strict total order */
  constructor(private readonly goesBefore: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.values.length;
  }

  /** The value that comes out next. */
  get first(): T | undefined {
    return this.values[0];
  }

  push(value: T): void {
    this.rise(value, this.values.length);
  }

  /** Takes a value out; says whether it was there. */
  remove(value: T): boolean {
    const position = this.positions.get(value);
    if (position === undefined) return false;
    this.positions.delete(value);
    const last = this.values.pop() as T;
    if (position === this.values.length) return true;
    const parent = (position - 1) >> 1;
    if (position > 0 && this.goesBefore(last, this.values[parent])) this.rise(last, position);
    else this.sink(last, position);
    return true;
  }

  private rise(value: T, from: number): void {
    const { values } = this;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.goesBefore(value, values[parent])) break;
      this.put(values[parent], at);
      at = parent;
    }
    this.put(value, at);
  }

  private sink(value: T, from: number): void {
    const { values } = this;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= values.length) break;
      if (child + 1 < values.length && this.goesBefore(values[child + 1], values[child])) child++;
      if (!this.goesBefore(values[child], value)) break;
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
