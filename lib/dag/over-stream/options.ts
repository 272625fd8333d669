import { checkNumber, checkOptions, checkRecord, integer, label, nested, oneOf, type Rules } from "../../base/check.js";
import { DAG_RUN_RULES, type RunOptions } from "../options.js";

/** What happens to an item whose run fails: it ends the stream, is left out, or goes to `deadLetter`. */
export type ItemErrorAction = "fail" | "skip" | "deadLetter";

/** An item of the source, with its place in it, counted from 0. */
export interface StreamInput<T = unknown> {
  readonly index: number;
  readonly input: T;
}

/**
 * The options of a dag over a stream: its own, and those of the runs. All are optional. `G` holds the types of values
 * that may replace results, by name; `I` those of the inputs.
 */
export interface StreamOptions<G = Record<string, unknown>, I extends object = Record<string, any>> extends Omit<
  RunOptions<G, Partial<I>>,
  "runId" | "concurrency"
> {
  /** The input that the items are values for. @defaultValue none: each item is a record of inputs */
  input?: (keyof I & string) | undefined;
  /**
   * How many items may be in flight, or done but not yet read: how far the source is read ahead.
   * @defaultValue 16
   */
  concurrency?: number | undefined;
  /** How often a node may be in flight at once, over all items of this stream, by name. @defaultValue unlimited */
  nodeConcurrency?: Readonly<Partial<Record<keyof G & string, number>>> | undefined;
  /** Whether results come in the order of items, or as they are done. @defaultValue true */
  ordered?: boolean | undefined;
  /** What happens to an item whose run rejects, or can't begin. @defaultValue "fail" */
  onItemError?: ItemErrorAction | undefined;
  /** Called with each failed item under `onItemError: "deadLetter"`. May be async. If it throws, the stream ends. */
  deadLetter?: ((item: StreamInput<any>, error: unknown) => unknown) | undefined;
  /** Whether to get only the value of each run. A run that pauses has none, and fails its item. @defaultValue false */
  values?: boolean | undefined;
  /** The id of an item's run. @defaultValue a random UUID */
  runId?: ((index: number) => string) | undefined;
}

/** An upper limit, so that no source without an end is pulled into memory. */
const MAX_CONCURRENCY = 1_000_000;

/** Items have no results to take from an earlier run. */
const RUN_RULES = Object.fromEntries(
  Object.entries(DAG_RUN_RULES).filter(([option]) => option !== "from"),
) as unknown as Rules<RunOptions>;

const STREAM_RULES: Rules<StreamOptions<any>> = {
  ...RUN_RULES,
  input: "string",
  concurrency: (option, value) => checkNumber(option, value, { min: 1, max: MAX_CONCURRENCY, integer: true }),
  nodeConcurrency: (option, limits) => {
    checkRecord(option, limits);
    const rule = integer(1) as (option: object, value: unknown) => void;
    for (const [node, limit] of Object.entries(limits)) rule(nested(option, node), limit);
  },
  ordered: "boolean",
  onItemError: oneOf(["fail", "skip", "deadLetter"], { stop: '"fail"', continue: '"skip"', throw: '"fail"' }),
  deadLetter: "function",
  values: "boolean",
  runId: "function",
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkStreamOptions(options: StreamOptions<any>): void {
  checkOptions(options, STREAM_RULES, "a stream");
  const { onItemError, deadLetter } = options;
  if ((onItemError === "deadLetter") === (deadLetter !== undefined)) return;
  const [given, lacking] = deadLetter === undefined ? ["onItemError", "deadLetter"] : ["deadLetter", "onItemError"];
  const needed = lacking === "deadLetter" ? "a function" : '"deadLetter"';
  throw new TypeError(`${label(given)} of a stream needs ${label(lacking)}, ${needed}, as well.`);
}
