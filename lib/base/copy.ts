import { messageOf } from "./message.js";
import { isInstance } from "./safe-access.js";
import { shallowCopyOf, type Fill } from "./shallow-copy.js";
import { pathOf, UnsupportedValue } from "./unsupported-value.js";

/** A copy that is not filled yet. */
interface Job {
  readonly from: object;
  readonly to: object;
  readonly fill: Fill;
  readonly parent: Job | undefined;
}

/** Part of a value can't be copied. */
export class Uncopyable extends Error {
  /**
   * @param reason - a clause that follows the path, such as `is function f`
   * @param path - the location of the part, such as `rows[3].fn`; "" for the value itself
   */
  constructor(reason: string, path: string) {
    super(`${path === "" ? "it" : `"${path}"`} ${reason}`);
  }
}

/**
 * A deep copy that shares no mutable data with the value. Supports plain data, native objects, and instances of
 * classes, which keep their class, with circular and repeated references. Calls no constructors. Copies only the viewed
 * part of a buffer. Cost: O(size of the value), without recursion.
 * @throws {Uncopyable} naming the path of a function, or of an object that may hold data that can't be read
 */
export function copyOf<T>(value: T): T {
  return typeof value === "object" || typeof value === "function" ? (new Copier().copy(value) as T) : value;
}

class Copier {
  /** The copies by original; created with the first object that holds others. */
  private copies: Map<object, object> | undefined = undefined;
  private readonly jobs: Job[] = [];
  /** The object being filled, and the part of it being copied, for error paths. */
  private current: Job | undefined = undefined;
  private part: object | undefined = undefined;

  copy(value: unknown): unknown {
    try {
      const copy = this.of(value);
      for (let job = this.jobs.pop(); job !== undefined; job = this.jobs.pop()) {
        this.current = job;
        job.fill(job.from, job.to, this.of);
      }
      return copy;
    } catch (error) {
      throw this.uncopyable(error);
    }
  }

  private readonly of = (value: unknown): unknown => {
    if (typeof value === "function") throw new UnsupportedValue(`is function ${value.name || "(anonymous)"}`, value);
    if (typeof value !== "object" || value === null) return value;
    const known = this.copies?.get(value);
    if (known !== undefined) return known;
    this.part = value;
    const { to, fill } = shallowCopyOf(value, this.of);
    this.part = undefined;
    if (fill !== undefined) this.jobs.push({ from: value, to, fill, parent: this.current });
    else if (this.current === undefined) return to;
    (this.copies ??= new Map()).set(value, to);
    return to;
  };

  private uncopyable(error: unknown): Uncopyable {
    const objects: object[] = this.part === undefined ? [] : [this.part];
    for (let job = this.current; job !== undefined; job = job.parent) objects.unshift(job.from);
    if (isInstance(error, UnsupportedValue)) return new Uncopyable(error.reason, pathOf(objects, error.part));
    return new Uncopyable(`can't be read: ${messageOf(error)}`, pathOf(objects, undefined));
  }
}
