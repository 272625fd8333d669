import { isInstance } from "./hostile.js";
import { messageOf } from "./message.js";
import { Obstacle, pathOf } from "./obstacle.js";
import { shellOf, type Fill } from "./shells.js";

/** An object whose copy does not hold all that it should yet. */
interface Job {
  readonly from: object;
  readonly to: object;
  readonly fill: Fill;
  readonly parent: Job | undefined;
}

/** Something in a value has no copy. */
export class Uncopyable extends Error {
  /** @param reason - goes on from what it is @param path - where it is in the value, as `rows[3].fn`; "" for the value itself */
  constructor(reason: string, path: string) {
    super(`${path === "" ? "it" : `"${path}" of it`} ${reason}`);
  }
}

/**
 * A copy that shares nothing that could be changed: plain data, all that the language brings along, and instances of classes,
 * which stay such, with circles and repeated references. Nobody's constructor is called; of a view only what it shows is copied.
 * Cost: O(size of the value), without recursion.
 * @throws {Uncopyable} naming the path of a function, or of what may hold more than it shows
 */
export function copyOf<T>(value: T): T {
  return typeof value === "object" || typeof value === "function" ? (new Copier().copy(value) as T) : value;
}

class Copier {
  /** The copies so far; undefined before any object that holds others. */
  private copies: Map<object, object> | undefined = undefined;
  private readonly jobs: Job[] = [];
  /** What is being filled, and the part of it that is being looked at. */
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
    if (typeof value === "function") throw new Obstacle(`is function ${value.name || "(anonymous)"}`, value);
    if (typeof value !== "object" || value === null) return value;
    const known = this.copies?.get(value);
    if (known !== undefined) return known;
    this.part = value;
    const { to, fill } = shellOf(value, this.of);
    this.part = undefined;
    if (fill !== undefined) this.jobs.push({ from: value, to, fill, parent: this.current });
    else if (this.current === undefined) return to;
    (this.copies ??= new Map()).set(value, to);
    return to;
  };

  private uncopyable(error: unknown): Uncopyable {
    const objects: object[] = this.part === undefined ? [] : [this.part];
    for (let job = this.current; job !== undefined; job = job.parent) objects.unshift(job.from);
    if (isInstance(error, Obstacle)) return new Uncopyable(error.reason, pathOf(objects, error.part));
    return new Uncopyable(`can't be read: ${messageOf(error)}`, pathOf(objects, undefined));
  }
}
