import { checkType } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import { isInstance } from "../base/hostile.js";
import { Incomparable } from "../base/structural-key.js";
import { asNamedInputs, paramHint, paramNames } from "../definition/specs/named-inputs.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { ResultCache } from "./cache.js";

/** The caches of a workflow's nodes, each made when it is first asked for. A node defined anew begins with an empty one. */
export class Caches {
  private readonly byNode = new Map<string, { readonly spec: NodeSpec; readonly cache: ResultCache }>();

  constructor(private readonly workflow: string) {}

  /** The cache of a node; undefined when its results are not kept. */
  readonly of = (spec: NodeSpec): ResultCache | undefined => {
    const known = this.byNode.get(spec.name);
    if (known !== undefined && known.spec === spec) return known.cache;
    const { cache: options } = spec.options;
    if (options === undefined) return undefined;
    const cache = new ResultCache(this.workflow, spec, options);
    this.byNode.set(spec.name, { spec, cache });
    return cache;
  };

  /** Forgets the results of all these nodes. */
  async forget(specs: Iterable<NodeSpec>): Promise<void> {
    await Promise.all(Array.from(specs).flatMap((spec) => this.of(spec)?.forget(undefined) ?? []));
  }

  /**
   * Forgets the results of one node, or the one that belongs to `inputs`.
   * @throws {ValidationError} VALIDATION when the node is not cached, or the inputs are not those of a call, or can't be compared
   */
  forgetIn(spec: NodeSpec, inputs: Readonly<Record<string, unknown>> | undefined): Promise<void> {
    const cache = this.of(spec);
    if (cache === undefined) {
      throw new ValidationError(
        `The results of "${spec.name}" are not cached. Give it the option "cache", or leave it out.`,
      );
    }
    if (inputs === undefined) return cache.forget(undefined);
    checkType("inputs", inputs, "object");
    const named = asNamedInputs(spec.signature, inputs);
    checkInputs(spec, named);
    return cache.forget(keyOf(cache, spec, named));
  }
}

function keyOf(cache: ResultCache, spec: NodeSpec, inputs: Readonly<Record<string, unknown>>): string {
  try {
    return cache.keyOf(inputs);
  } catch (error) {
    if (!isInstance(error, Incomparable)) throw error;
    throw new ValidationError(
      `No result of "${spec.name}" is kept by such inputs, which can't be compared: ${error.message}`,
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
  const counted = key === undefined ? names.filter((_, i) => !params[i].optional) : [key].flat();
  const missing = counted.filter((name) => !Object.hasOwn(inputs, name));
  if (missing.length === 0) return;
  throw new ValidationError(
    `To find a cached result of "${spec.name}", all that it is kept by is needed; missing: ${missing.join(", ")}. ` +
      `Pass ${missing.length === 1 ? "it" : "them"}, or leave the inputs out to forget all results.`,
  );
}
