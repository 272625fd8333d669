import { show } from "../../base/check.js";
import { isThenable } from "../../base/coroutine.js";
import { WiringFault } from "../arguments.js";

/** An item of a collection. */
export interface CollectionItem {
  /** Its index in a list, or its key. */
  readonly key: unknown;
  /** Counted from 0. */
  readonly index: number;
  readonly value: unknown;
}

/** A collection as a map reads it. */
export interface Collection {
  /** The number of items; undefined if only reading tells. */
  readonly size: number | undefined;
  /** Whether it is read with promises. */
  readonly isAsync: boolean;
  /** The next item; undefined at the end. A promise if {@link Collection.isAsync}. */
  next(): CollectionItem | undefined | Promise<CollectionItem | undefined>;
  /** Lets go of the rest. */
  close(): void;
  /** A result with one entry for each item that is given, in order, by the keys of this collection. */
  collect(entries: readonly (readonly [item: number, value: unknown])[], keys: readonly unknown[]): unknown;
}

/**
 * Reads what a map may map: an array, a `Map`, a plain record, or anything else that can be iterated.
 * @throws {WiringFault} for anything else, naming the node
 */
export function collectionOf(value: unknown, node: string): Collection {
  if (Array.isArray(value)) return new ListCollection(value.length, indexed(value));
  if (value instanceof Map) return new KeyedCollection(value.size, value.entries(), (entries) => new Map(entries));
  if (typeof value === "object" && value !== null) {
    if (Symbol.asyncIterator in value) {
      return new AsyncCollection((value as AsyncIterable<unknown>)[Symbol.asyncIterator]());
    }
    if (Symbol.iterator in value) return new ListCollection(sizeOf(value), counted(value as Iterable<unknown>));
    if (isRecord(value)) {
      const names = Object.keys(value);
      return new KeyedCollection(names.length, pairs(value, names), recordOf);
    }
  }
  throw new WiringFault(
    `Map "${node}" needs a collection: an array, a Map, a plain record or an iterable; received ${show(value)}.`,
  );
}

function isRecord(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** The size of a set or a typed array. */
function sizeOf(value: object): number | undefined {
  if (value instanceof Set) return value.size;
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? (value as Uint8Array).length : undefined;
}

function* indexed(list: readonly unknown[]): Generator<[unknown, unknown]> {
  for (let i = 0; i < list.length; i++) yield [i, list[i]];
}

function* counted(values: Iterable<unknown>): Generator<[unknown, unknown]> {
  let i = 0;
  for (const value of values) yield [i++, value];
}

function* pairs(record: Record<string, unknown>, names: readonly string[]): Generator<[unknown, unknown]> {
  for (const name of names) yield [name, record[name]];
}

function recordOf(entries: readonly (readonly [unknown, unknown])[]): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    // Defined, since a key may be `__proto__`.
    Object.defineProperty(record, key as string, { value, enumerable: true, writable: true, configurable: true });
  }
  return record;
}

class ListCollection implements Collection {
  readonly isAsync = false;
  private index = 0;

  constructor(
    readonly size: number | undefined,
    private readonly entries: Iterator<[unknown, unknown]>,
  ) {}

  next(): CollectionItem | undefined {
    const step = this.entries.next();
    if (step.done === true) return undefined;
    const [key, value] = step.value;
    return { key, index: this.index++, value };
  }

  close(): void {
    this.entries.return?.();
  }

  collect(entries: readonly (readonly [number, unknown])[], _keys: readonly unknown[]): unknown {
    return entries.map(([, value]) => value);
  }
}

class KeyedCollection extends ListCollection {
  constructor(
    size: number,
    entries: Iterator<[unknown, unknown]>,
    private readonly make: (entries: readonly (readonly [unknown, unknown])[]) => unknown,
  ) {
    super(size, entries);
  }

  override collect(entries: readonly (readonly [number, unknown])[], keys: readonly unknown[]): unknown {
    return this.make(entries.map(([index, value]) => [keys[index], value]));
  }
}

class AsyncCollection implements Collection {
  readonly isAsync = true;
  readonly size = undefined;
  private index = 0;
  private isClosed = false;

  constructor(private readonly items: AsyncIterator<unknown>) {}

  async next(): Promise<CollectionItem | undefined> {
    const step = await this.items.next();
    if (step.done === true) {
      this.isClosed = true;
      return undefined;
    }
    const key = this.index++;
    return { key, index: key, value: step.value };
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const closing: unknown = this.items.return?.();
    if (isThenable(closing)) (closing as Promise<unknown>).then(undefined, () => {});
  }

  collect(entries: readonly (readonly [number, unknown])[]): unknown {
    return entries.map(([, value]) => value);
  }
}
