import { mark, markOf } from "../../base/brand.js";
import { InvalidNodeError } from "../../base/errors.js";
import { show } from "../../base/check.js";

/** A source that a node needs: another node's result, or one of its outputs. */
export interface Need extends Source {
  /**
   * Whether the parameter is undefined when the source was skipped or failed; otherwise the needing node is skipped.
   */
  readonly optional: boolean;
  /** Whether the parameter takes the items of the source while they come. */
  readonly stream?: boolean;
}

/** A need that takes items while they come. Made by {@link stream}. */
export class StreamNeed<S = unknown> {
  static {
    mark(this, "StreamNeed");
  }

  /** Exists only in types, to distinguish them. */
  declare protected readonly kind: "stream";

  constructor(
    /** The need as written: `"node"`, `"node.output"` or a handle. */
    readonly need: S,
  ) {}
}

/**
 * A need that takes the items of a node as an `AsyncIterable` while they come: those of a generator, the results of a map
 * in order, the values of an fsm's cycles; of a workflow those of its sink, or of the node in it that is named
 * (`"feed.rows"`). Both nodes run at the same time. The items can be read once; leaving the loop early releases them.
 *
 * With `optional(stream(…))` the parameter is undefined if the source is skipped, or fails before it begins.
 */
export function stream<const S extends string | NeedSource>(need: S): StreamNeed<S> {
  return new StreamNeed(need);
}

function isStream(need: unknown): need is StreamNeed {
  return markOf(need) === "StreamNeed";
}

/** A need that does not have to be met. Made by {@link optional}. */
export class OptionalNeed<S = unknown> {
  static {
    mark(this, "OptionalNeed");
  }

  /** Exists only in types, to distinguish them. */
  declare protected readonly kind: "optional";

  constructor(
    /** The need as written: `"node"`, `"node.output"`, a handle, or `stream(…)` of one. */
    readonly need: S,
  ) {}
}

/** A need as written: `"node"`, `"node.output"`, a handle, or `stream(…)` or `optional(…)` of one of these. */
export type NeedLike =
  | string
  | NeedSource
  | StreamNeed<string | NeedSource>
  | OptionalNeed<string | NeedSource | StreamNeed<string | NeedSource>>;

/**
 * A node's result, or one of its outputs: a property of the result, or a branch.
 * @inline
 */
export interface Source {
  /** The name of the node. */
  readonly node: string;
  /** The name of the output; undefined for the entire result. */
  readonly output: string | undefined;
}

/** An object that stands for a result: a handle of the builder. */
export interface NeedSource {
  /** What it stands for. */
  readonly source: Source;
}

/**
 * A need whose value is undefined if the node was skipped or failed. Without `optional`, the needing node would be
 * skipped.
 */
export function optional<const S extends string | NeedSource | StreamNeed<string | NeedSource>>(
  need: S,
): OptionalNeed<S> {
  return new OptionalNeed(need);
}

export function isOptional(need: unknown): need is OptionalNeed {
  return markOf(need) === "OptionalNeed";
}

/** Whether a value is a need made by a function, and not an options object. */
export function isMarkedNeed(need: unknown): boolean {
  return isOptional(need) || isStream(need);
}

/** @throws {InvalidNodeError} INVALID_NODE when `value` is not a need */
export function toNeed(value: unknown, node: string): Need {
  if (isStream(value)) return { ...toNeed(value.need, node), stream: true };
  if (isOptional(value)) return { ...toNeed(value.need, node), optional: true };
  if (typeof value === "string" && value !== "") {
    const dot = value.indexOf(".");
    if (dot < 0) return { node: value, output: undefined, optional: false };
    if (dot > 0 && dot < value.length - 1) {
      return { node: value.slice(0, dot), output: value.slice(dot + 1), optional: false };
    }
  } else if (isNeedSource(value)) {
    return { ...value.source, optional: false };
  }
  throw new InvalidNodeError(
    `A need of node "${node}" must be "node", "node.output", a handle, or stream(…) or optional(…) of one; received ${show(value)}.`,
  );
}

/** A source as text: `node` or `node.output`. */
export function needText({ node, output }: Source): string {
  return output === undefined ? node : `${node}.${output}`;
}

function isNeedSource(value: unknown): value is NeedSource {
  return typeof value === "object" && value !== null && typeof (value as NeedSource).source?.node === "string";
}
