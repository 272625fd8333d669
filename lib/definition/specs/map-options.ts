import { checkOptions, integer, oneOf, requireOptions, type OptionName, type Rules } from "../../base/check.js";
import type { NeedLike } from "./need.js";
import { checkSpecOptions, NODE_RULES, type NodeOptions } from "./node-options.js";

/** What a failed item does to its map. */
export type OnItemError = "fail" | "skip" | "settle";

/** Folds the results of a map, in the order of its items. */
export interface Reduction<A = any, R = any> {
  readonly initial: A;
  /** May be async. */
  readonly fn: (accumulated: A, result: R) => A | Promise<A>;
}

/** The options of a map that a node does not have. */
export interface MapSettings {
  /**
   * How many of its items may be in flight. On worker threads, those that wait for their turn there don't count.
   * @defaultValue unlimited within the run; 16 over an async iterable
   */
  concurrency?: number | undefined;
  /**
   * On worker threads: how many items are sent to a thread at most at a time. It executes them one after the other.
   * @defaultValue as many as take about a millisecond together
   */
  batch?: number | undefined;
  /**
   * `fail`: the first error fails the node, and aborts the items in flight. `skip`: the result lacks the item.
   * `settle`: the result has `{ status, value }` or `{ status, reason }` for each item, as `Promise.allSettled` has; with
   * `reduce`, these are folded.
   * @defaultValue "fail"
   */
  onItemError?: OnItemError | undefined;
  /**
   * Joins results that are lists, one level deep. The result is a list, also of a keyed collection. Not with `reduce`,
   * nor with `onItemError: "settle"`.
   */
  flatten?: boolean | undefined;
  /** Folds the results as they come, instead of keeping them. */
  reduce?: Reduction | undefined;
}

/** The options of a map. Those of a node apply to each item. */
export interface MapOptions<D extends readonly NeedLike[] = readonly NeedLike[]> extends NodeOptions<D>, MapSettings {}

const REDUCE_RULES: Rules<Reduction> = { initial: "any", fn: "function" };

const SETTINGS_RULES: Rules<MapSettings> = {
  concurrency: integer(1),
  batch: integer(1),
  onItemError: oneOf(["fail", "skip", "settle"]),
  flatten: "boolean",
  reduce: (option: OptionName, reduce) => {
    checkOptions(reduce, REDUCE_RULES, option);
    requireOptions(reduce, ["fn"], REDUCE_RULES, option);
  },
};

/** The names of the options of maps that nodes don't have. */
export const MAP_SETTINGS = Object.keys(SETTINGS_RULES);

const MAP_RULES: Rules<MapOptions> = { ...NODE_RULES, ...SETTINGS_RULES };

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkMapOptions(options: MapOptions, map: string): void {
  checkSpecOptions(options, MAP_RULES, `map "${map}"`);
  checkCombination(options, map);
}

/** @throws {TypeError} for options that can't go together */
export function checkCombination({ flatten, reduce, onItemError }: MapSettings, map: string): void {
  if (flatten !== true) return;
  const clash = (option: string, rule: string) =>
    new TypeError(`"flatten" of map "${map}" can't go with ${option}: ${rule}`);
  if (reduce !== undefined) {
    throw clash('"reduce"', "there is no list of results to join. Fold the parts of each result in reduce.fn.");
  }
  if (onItemError === "settle") {
    throw clash('onItemError: "settle"', "settled results are records. Join the values in a node that needs the map.");
  }
}

/** The options of a map, parted into its own and those of a node. */
export function partMapOptions(options: MapOptions): { readonly settings: MapSettings; readonly node: NodeOptions } {
  const { concurrency, batch, onItemError, flatten, reduce, ...node } = options;
  return { settings: Object.freeze({ concurrency, batch, onItemError, flatten, reduce }), node };
}
