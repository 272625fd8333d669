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
   * How many of its items may be in flight.
   * @defaultValue unlimited within the run; 16 over an async iterable
   */
  concurrency?: number | undefined;
  /**
   * `fail`: the first error fails the node, and aborts the items in flight. `skip`: the result lacks the item.
   * `settle`: the result has `{ status, value }` or `{ status, reason }` for each item, as `Promise.allSettled` has.
   * @defaultValue "fail"
   */
  onItemError?: OnItemError | undefined;
  /** Joins results that are lists, one level deep. The result is a list, also of a keyed collection. */
  flatten?: boolean | undefined;
  /** Folds the results as they come, instead of keeping them. */
  reduce?: Reduction | undefined;
}

/** The options of a map. Those of a node apply to each item. */
export interface MapOptions<D extends readonly NeedLike[] = readonly NeedLike[]> extends NodeOptions<D>, MapSettings {}

const REDUCE_RULES: Rules<Reduction> = { initial: "any", fn: "function" };

const SETTINGS_RULES: Rules<MapSettings> = {
  concurrency: integer(1),
  onItemError: oneOf(["fail", "skip", "settle"]),
  flatten: "boolean",
  reduce: (option: OptionName, reduce) => {
    checkOptions(reduce, REDUCE_RULES, option);
    requireOptions(reduce, ["fn"], REDUCE_RULES, option);
  },
};

const MAP_RULES: Rules<MapOptions> = { ...NODE_RULES, ...SETTINGS_RULES };

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkMapOptions(options: MapOptions, map: string): void {
  checkSpecOptions(options, MAP_RULES, `map "${map}"`);
}

/** The options of a map, parted into its own and those of a node. */
export function partMapOptions(options: MapOptions): { readonly settings: MapSettings; readonly node: NodeOptions } {
  const { concurrency, onItemError, flatten, reduce, ...node } = options;
  return { settings: Object.freeze({ concurrency, onItemError, flatten, reduce }), node };
}
