import { mark, markOf } from "../../base/brand.js";
import { InvalidNodeError } from "../../base/errors.js";
import { show } from "../../base/check.js";

/** Where a value comes from: a node's result, or one output (property, branch) of it. */
export interface Need extends Source {
  /** When the node was skipped or failed, the parameter is undefined instead of the needing node being skipped. */
  readonly optional: boolean;
}

/** A need that may stay unmet. Made by {@link optional}. */
export class OptionalNeed<S = unknown> {
  static {
    mark(this, "OptionalNeed");
  }

  constructor(readonly need: S) {}
}

/** What stands for a need in a node's definition: `"node"`, `"node.output"`, a handle, or `optional(…)` of one of these. */
export type NeedLike = string | NeedSource | OptionalNeed<string | NeedSource>;

/** A node's result, or one output of it. */
export interface Source {
  readonly node: string;
  readonly output: string | undefined;
}

/** Something that knows which result it stands for: the handles of the builder. */
export interface NeedSource {
  readonly source: Source;
}

/** The value is undefined when the node was skipped or failed; without `optional`, the needing node is skipped then. */
export function optional<const S extends string | NeedSource>(need: S): OptionalNeed<S> {
  return new OptionalNeed(need);
}

export function isOptional(need: unknown): need is OptionalNeed {
  return markOf(need) === "OptionalNeed";
}

/** @throws {InvalidNodeError} INVALID_NODE when it is neither a non-empty string nor a handle */
export function toNeed(value: unknown, node: string): Need {
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
    `A need of node "${node}" must be "node", "node.output", a handle, or optional(…) of one; received ${show(value)}.`,
  );
}

/** The need as it was written: `node` or `node.output`. */
export function needText({ node, output }: Source): string {
  return output === undefined ? node : `${node}.${output}`;
}

function isNeedSource(value: unknown): value is NeedSource {
  return typeof value === "object" && value !== null && typeof (value as NeedSource).source?.node === "string";
}
