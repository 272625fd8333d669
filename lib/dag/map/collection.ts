import { show } from "../../base/check.js";
import { isThenable } from "../../base/coroutine.js";
import { define, isPlainRecord } from "../../base/objects.js";
import { keyText } from "../../run/child-result.js";
import { WiringFault } from "../arguments.js";

/** A collection as a map reads it: a cursor, which stands before the first item. */
export interface Collection {
  /** The number of items; undefined if it is only known once all are read. */
  readonly size: number | undefined;
  /** Whether it is read with promises. */
  readonly isAsync: boolean;
  /** The item that was read last. */
  readonly value: unknown;
  /** Reads the next item. Returns false at the end; a promise if {@link Collection.isAsync}. */
  advance(): boolean | Promise<boolean>;
  /** Closes the iterator. Never throws, since the error that ended the map matters more. */
  close(): void;
  /** The index in a list, or the key, of an item that was read. */
  keyOf(index: number): unknown;
  /** The key as a text, unique in the collection. */
  idOf(index: number): string;
  /**
   * The result: a list, or a collection with the same keys. @param values - {@link ABSENT} for items without a result
   */
  collect(values: readonly unknown[]): unknown;
}

/** Stands for the result of a skipped item. */
export const ABSENT: unique symbol = Symbol("absent");

/** Iterators that maps have read, and that nothing can read again. */
const read = new WeakSet();

/**
 * Reads what a map may map: an array, a `Map`, a plain record, or anything else that can be iterated.
 * @throws {WiringFault} for anything else, naming the node
 */
export function collectionOf(value: unknown, node: string): Collection {
  if (Array.isArray(value)) return new ArrayCollection(value);
  if (value instanceof Map) return new MapCollection(value);
  if (typeof value === "object" && value !== null) {
    if (Symbol.asyncIterator in value) {
      return new AsyncCollection(
        unread((value as AsyncIterable<unknown>)[Symbol.asyncIterator](), value, node),
        undefined,
      );
    }
    if (Symbol.iterator in value) {
      const iterator = unread((value as Iterable<unknown>)[Symbol.iterator](), value, node);
      return new IterableCollection(iterator, sizeOf(value));
    }
    if (isPlainRecord(value)) return new RecordCollection(value);
  }
  const received = typeof value === "string" ? `the string ${show(value)}` : show(value);
  throw new WiringFault(
    `Map "${node}" needs a collection: an array, a Map, a plain record or an iterable; received ${received}.`,
  );
}

/** @throws {WiringFault} when a map has read this very iterator before */
function unread<I extends object>(iterator: I, source: object, node: string): I {
  if (iterator !== source) return iterator;
  if (read.has(iterator)) {
    throw new WiringFault(
      `Map "${node}" needs an iterator that another map has read already. Return a list, or an object that can be iterated again.`,
    );
  }
  read.add(iterator);
  return iterator;
}

/** The size of a set or a typed array. */
function sizeOf(value: object): number | undefined {
  if (value instanceof Set) return value.size;
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? (value as Uint8Array).length : undefined;
}

function present(values: readonly unknown[]): unknown[] {
  return values.filter((value) => value !== ABSENT);
}

/** What all lists have in common: the key of an item is its index. */
abstract class ListCollection implements Collection {
  abstract readonly size: number | undefined;
  abstract readonly isAsync: boolean;
  value: unknown = undefined;

  abstract advance(): boolean | Promise<boolean>;
  abstract close(): void;

  keyOf(index: number): unknown {
    return index;
  }

  idOf(index: number): string {
    return String(index);
  }

  collect(values: readonly unknown[]): unknown {
    return present(values);
  }
}

/** The items of the array at the start of the map. Holes are undefined. */
class ArrayCollection extends ListCollection {
  readonly isAsync = false;
  readonly size: number;
  private next = 0;

  constructor(private readonly list: readonly unknown[]) {
    super();
    this.size = list.length;
  }

  advance(): boolean {
    if (this.next === this.size) return false;
    this.value = this.list[this.next++];
    return true;
  }

  close(): void {}
}

/** The items of an iterator. */
abstract class IteratedCollection<I extends { return?(): unknown }> extends ListCollection {
  protected isClosed = false;

  constructor(
    protected readonly items: I,
    readonly size: number | undefined,
  ) {
    super();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    letGo(this.items);
  }
}

class IterableCollection extends IteratedCollection<Iterator<unknown>> {
  readonly isAsync = false;

  advance(): boolean {
    let isOpen = false;
    try {
      const step = this.items.next();
      isOpen = step.done !== true;
      if (isOpen) this.value = step.value;
    } finally {
      if (!isOpen) this.isClosed = true;
    }
    return isOpen;
  }
}

class AsyncCollection extends IteratedCollection<AsyncIterator<unknown>> {
  readonly isAsync = true;

  async advance(): Promise<boolean> {
    let isOpen = false;
    try {
      const step = await this.items.next();
      isOpen = step.done !== true;
      if (isOpen) this.value = step.value;
    } finally {
      if (!isOpen) this.isClosed = true;
    }
    return isOpen;
  }
}

/** Calls `return` as `for … of` does when its body throws: what `return` throws is ignored. */
function letGo(items: { return?(): unknown }): void {
  try {
    const closing = items.return?.();
    if (isThenable(closing)) (closing as Promise<unknown>).then(undefined, () => {});
  } catch {
    // The map has ended for another reason.
  }
}

/** A collection whose result has the same keys. */
abstract class KeyedCollection implements Collection {
  readonly isAsync = false;
  abstract readonly size: number;
  value: unknown = undefined;
  protected readonly keys: unknown[] = [];
  private readonly ids: string[] = [];

  abstract advance(): boolean;
  close(): void {}
  protected abstract make(entries: [unknown, unknown][]): unknown;
  /** Whether a key that is not a string may have this id. */
  protected abstract isTaken(text: string): boolean;

  keyOf(index: number): unknown {
    return this.keys[index];
  }

  idOf(index: number): string {
    for (let i = this.ids.length; i <= index; i++) {
      const key = this.keys[i];
      if (typeof key === "string") this.ids.push(this.isTaken(key) ? JSON.stringify(key) : keyText(key));
      else this.ids.push(typeof key === "number" ? String(key) : `#${i}`);
    }
    return this.ids[index];
  }

  collect(values: readonly unknown[]): unknown {
    return this.make(
      values.flatMap((value, i): [unknown, unknown][] => (value === ABSENT ? [] : [[this.keys[i], value]])),
    );
  }
}

class MapCollection extends KeyedCollection {
  readonly size: number;
  private readonly entries: Iterator<[unknown, unknown]>;

  constructor(private readonly map: ReadonlyMap<unknown, unknown>) {
    super();
    this.size = map.size;
    this.entries = map.entries();
  }

  advance(): boolean {
    const step = this.entries.next();
    if (step.done === true) return false;
    const [key, value] = step.value;
    this.keys.push(key);
    this.value = value;
    return true;
  }

  protected make(entries: [unknown, unknown][]): unknown {
    return new Map(entries);
  }

  /** `1` and `"1"` are two keys. Keys that are neither numbers nor strings are named by their index, as `#1`. */
  protected isTaken(text: string): boolean {
    const number = Number(text);
    return /^#\d+$/u.test(text) || (String(number) === text && this.map.has(number));
  }
}

class RecordCollection extends KeyedCollection {
  readonly size: number;
  private readonly names: readonly string[];

  constructor(private readonly record: Readonly<Record<string, unknown>>) {
    super();
    this.names = Object.keys(record);
    this.size = this.names.length;
  }

  advance(): boolean {
    if (this.keys.length === this.size) return false;
    const name = this.names[this.keys.length];
    this.keys.push(name);
    this.value = this.record[name];
    return true;
  }

  protected make(entries: [unknown, unknown][]): unknown {
    const record: Record<string, unknown> = {};
    for (const [key, value] of entries) define(record, key as string, value);
    return record;
  }

  protected isTaken(): boolean {
    return false;
  }
}
