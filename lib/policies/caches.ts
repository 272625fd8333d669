import { checkType } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import { isInstance } from "../base/safe-access.js";
import { Incomparable } from "../base/structural-key.js";
import { asNamedInputs, paramHint, paramNames } from "../definition/specs/named-inputs.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { ResultCache } from "./cache.js";

/** The caches of a workflow's nodes, created on first use. A node that is defined again starts with an empty one. */
export class Caches {
  private readonly byNode = new Map<string, { readonly spec: NodeSpec; readonly cache: ResultCache }>();

  constructor(private readonly workflow: string) {}

  /** The cache of a node; undefined when it has no `cache` option. */
  readonly of = (spec: NodeSpec): ResultCache | undefined => {
    const known = this.byNode.get(spec.name);
    if (known !== undefined && known.spec === spec) return known.cache;
    const { cache: options } = spec.options;
    if (options === undefined) return undefined;
    const cache = new ResultCache(this.workflow, spec, options);
    this.byNode.set(spec.name, { spec, cache });
    return cache;
  };

  /** Forgets all results of these nodes. */
  async invalidateAll(specs: Iterable<NodeSpec>): Promise<void> {
    await Promise.all(Array.from(specs).flatMap((spec) => this.of(spec)?.invalidate(undefined) ?? []));
  }

  /**
   * Forgets one node's result for `inputs`, or all its results without them.
   * @throws {ValidationError} VALIDATION when the node is not cached, or the inputs don't match its parameters or
   *   can't be compared
   */
  invalidate(spec: NodeSpec, inputs: Readonly<Record<string, unknown>> | undefined): Promise<void> {
    const cache = this.of(spec);
    if (cache === undefined) {
      throw new ValidationError(
        `The results of "${spec.name}" are not cached. Give it a "cache" option, or don't invalidate it.`,
      );
    }
    if (inputs === undefined) return cache.invalidate(undefined);
    checkType("inputs", inputs, "object");
    const named = asNamedInputs(spec.signature, inputs);
    checkInputs(spec, named);
    return cache.invalidate(keyOf(cache, spec, named));
  }
}

function keyOf(cache: ResultCache, spec: NodeSpec, inputs: Readonly<Record<string, unknown>>): string {
  try {
    return cache.keyOf(inputs);
  } catch (error) {
    if (!isInstance(error, Incomparable)) throw error;
    throw new ValidationError(
      `No result of "${spec.name}" is cached for these inputs, because they can't be compared: ${error.message}`,
    );
  }
}

function checkInputs(spec: NodeSpec, inputs: Readonly<Record<string, unknown>>): void {
  const { inputs: params, rest, extra } = spec.signature;
  const names = paramNames(spec.signature);
  const key = spec.options.cache?.key;
  const unknown = Object.keys(inputs).find((name) => !names.includes(name));
  if (unknown !== undefined && !rest && !extra) {
    throw new ValidationError(`"${spec.name}" takes no parameter "${unknown}".${paramHint(unknown, names)}`);
  }
  if (typeof key === "function") return;
  const keyed = key === undefined ? names.filter((_, i) => !params[i].optional) : [key].flat();
  const missing = keyed.filter((name) => !Object.hasOwn(inputs, name));
  if (missing.length === 0) return;
  throw new ValidationError(
    `Invalidating one result of "${spec.name}" takes all inputs in its cache key; missing: ${missing.join(", ")}. ` +
      `Pass ${missing.length === 1 ? "it" : "them"}, or no inputs at all to invalidate all results.`,
  );
}
