import { pendingOf, whenSettled } from "../../base/coroutine.js";
import { afterTurn } from "../../base/event-loop.js";
import type { Reduction } from "../../definition/specs/map-options.js";
import type { Channel } from "../../engine/channel.js";
import { ABSENT } from "./collection.js";

/** The results of a map's items, as they come. */
export interface Gathering {
  /** Whether so many ended items wait for earlier ones that no more should start. */
  readonly isFull: boolean;
  /** Whether something is still being computed. */
  readonly isBusy: boolean;
  /** An item has been read. Items are numbered from 0. */
  expect(): void;
  /** @param value - {@link ABSENT} for a skipped item */
  add(item: number, value: unknown): void;
}

/** Keeps all results, in the order of the items. */
export class Listing implements Gathering {
  readonly isFull = false;
  readonly isBusy = false;
  readonly values: unknown[] = [];

  /** Adds a place, so that results in any order leave no holes. */
  expect(): void {
    this.values.push(ABSENT);
  }

  add(item: number, value: unknown): void {
    this.values[item] = value;
  }
}

/** How many results may wait for the result of an earlier item. */
const MOST_EARLY = 1024;

/** Folds the results in the order of the items, and keeps only those that wait for an earlier one. */
export class Folding implements Gathering {
  isBusy = false;
  folded: unknown;
  private next = 0;
  private readonly early = new Map<number, unknown>();

  constructor(
    private readonly reduction: Reduction,
    /** Called when folding goes on after a promise. */
    private readonly onProgress: () => void,
    private readonly onError: (error: unknown) => void,
  ) {
    this.folded = reduction.initial;
  }

  get isFull(): boolean {
    return this.early.size >= MOST_EARLY;
  }

  expect(): void {}

  add(item: number, value: unknown): void {
    if (this.isBusy || item !== this.next) {
      this.early.set(item, value);
      return;
    }
    this.take(value);
    this.takeEarly();
  }

  private takeEarly(): void {
    while (!this.isBusy && this.early.has(this.next)) {
      const value = this.early.get(this.next);
      this.early.delete(this.next);
      this.take(value);
    }
  }

  private take(value: unknown): void {
    this.next++;
    if (value === ABSENT) return;
    try {
      const folded: unknown = this.reduction.fn(this.folded, value);
      const pending = pendingOf(folded);
      if (pending === undefined) this.folded = folded;
      else this.wait(pending);
    } catch (error) {
      this.onError(error);
    }
  }

  private wait(pending: Promise<unknown>): void {
    this.isBusy = true;
    const next = (settle: () => void) => {
      this.isBusy = false;
      settle();
      this.takeEarly();
      this.onProgress();
    };
    whenSettled(
      pending,
      (value) => next(() => (this.folded = value)),
      (error) => next(() => this.onError(error)),
    );
  }
}

/** Passes the results on, in the order of the items, as fast as they are taken. */
export class Passing implements Gathering {
  private readonly folding: Folding;
  private readonly listing: Listing | undefined;

  /**
   * @param pass - returns a promise while consumers have no room
   * @param keeps - whether all results are kept as well
   */
  constructor(
    pass: (value: unknown) => Promise<void> | undefined,
    keeps: boolean,
    onProgress: () => void,
    onError: (error: unknown) => void,
  ) {
    const fn = (_: unknown, value: unknown) => pass(value);
    this.folding = new Folding({ initial: undefined, fn }, onProgress, onError);
    this.listing = keeps ? new Listing() : undefined;
  }

  /** All results, if they are kept. */
  get values(): unknown[] | undefined {
    return this.listing?.values;
  }

  get isFull(): boolean {
    return this.folding.isBusy || this.folding.isFull;
  }

  get isBusy(): boolean {
    return this.folding.isBusy;
  }

  expect(): void {
    this.listing?.expect();
  }

  add(item: number, value: unknown): void {
    this.listing?.add(item, value);
    this.folding.add(item, value);
  }
}

/**
 * Takes results to the nodes that stream them: whole, or their parts. The function returns a promise while these nodes
 * have no room, and in mode `sequential` after each result, so that they get a turn.
 */
export function passTo(
  channel: Channel,
  { flattens, isSequential }: { readonly flattens: boolean; readonly isSequential: boolean },
): (value: unknown) => Promise<void> | undefined {
  return (value) => {
    let room: Promise<void> | undefined;
    const parts: readonly unknown[] = flattens && Array.isArray(value) ? value : [value];
    for (const part of parts) room = channel.push(part);
    return room ?? (isSequential ? afterTurn() : undefined);
  };
}
