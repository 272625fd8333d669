import { show } from "../../base/check.js";
import { InvalidNodeError } from "../../base/errors.js";
import { merge } from "../../base/merge.js";
import { withGuessedContext, withoutGuessedContext } from "./context-param.js";
import { resolvedNames, paramHint, paramNames } from "./named-inputs.js";
import { toNeed, type Need, type NeedLike } from "./need.js";
import { checkNodeOptions, frozen, type NodeOptions } from "./node-options.js";
import type { CacheOptions } from "./policy-options.js";
import { readSignature, type Signature } from "./params.js";
import type { Method } from "../standing-methods.js";

/** How a node treats its needs and its result. */
export type NodeKind = "node" | "condition" | "select" | "all" | "any" | "state";

/** @inline */
export type NodeFunction = (...args: any[]) => unknown;

/** The definition of a node. Frozen, and independent of plans and runs. */
export interface NodeSpec {
  readonly name: string;
  readonly kind: NodeKind;
  readonly description: string | undefined;
  readonly fn: NodeFunction;
  /**
   * The original function, which declares the parameters and identifies the node. It differs from `fn` if `fn` replaces
   * or wraps it.
   */
  readonly declared: NodeFunction;
  /** The `this` of `fn`. */
  readonly self: unknown;
  /** The key of `fn` in `self`; undefined if it is not a method. */
  readonly method: string | undefined;
  /**
   * Whether another function was put in the place of the first, which workers don't see.
   * @internal
   */
  readonly isReplaced?: boolean;
  /** @internal */
  readonly signature: Signature;
  /** The explicit needs, one for each positional parameter. */
  readonly needs: readonly Need[];
  /** The nodes that this one waits for without taking data. */
  readonly after: readonly Need[];
  readonly options: NodeOptions;
}

type CacheKey = CacheOptions["key"];

const NO_NEEDS: readonly Need[] = Object.freeze([]);
const NO_OPTIONS: NodeOptions = Object.freeze({});

/**
 * @param method - for a method: its instance, and the function that declares its parameters
 * @throws {InvalidNodeError} INVALID_NODE when the name, the function or a need is invalid
 * @throws {TypeError} | {RangeError} when an option is invalid
 */
export function nodeSpec(
  kind: NodeKind,
  name: string,
  fn: NodeFunction,
  options: NodeOptions = NO_OPTIONS,
  method?: Method,
): NodeSpec {
  checkNodeName(name);
  if (typeof fn !== "function") throw new InvalidNodeError(`Node "${name}" needs a function; received ${show(fn)}.`);
  if (options !== NO_OPTIONS) checkNodeOptions(options, name);
  const needs = toNeeds(options.needs, name);
  const { declared = fn } = method ?? {};
  const read = readSignature(declared, options.params, name);
  const signature = read.guess === undefined ? read : withGuessedContext(read, kind, needs.length);
  if (needs.length > signature.inputs.length) checkArity(kind, name, signature, needs);
  if (options.cache?.key !== undefined) checkCacheKey(options.cache.key, signature, name);
  return Object.freeze({
    name,
    kind,
    description: options.description,
    fn,
    declared,
    self: method?.self,
    method: method?.key,
    signature,
    needs,
    after: toNeeds(options.after, name),
    options: options === NO_OPTIONS ? options : frozen(options),
  });
}

/** The spec with the given options changed. Throws like {@link nodeSpec}. */
export function reconfigured(spec: NodeSpec, options: NodeOptions): NodeSpec {
  const { kind, name } = spec;
  checkNodeOptions(options, name);
  refuseRenaming(options, `Node "${name}"`);
  const all = merge(spec.options, options);
  const needs = options.needs === undefined ? spec.needs : toNeeds(options.needs, name);
  const signature = signatureWith(spec, options, needs.length);
  checkArity(kind, name, signature, needs);
  checkCacheKey(all.cache?.key, signature, name);
  return Object.freeze({
    ...spec,
    description: all.description,
    signature,
    needs,
    after: options.after === undefined ? spec.after : toNeeds(options.after, name),
    options: frozen(all),
  });
}

/** The signature of a spec whose options are changed, with that many needs. */
export function signatureWith(
  { kind, name, declared, signature }: NodeSpec,
  { params }: Pick<NodeOptions, "params">,
  needs: number,
): Signature {
  const read = params === undefined ? withoutGuessedContext(signature) : readSignature(declared, params, name);
  return withGuessedContext(read, kind, needs);
}

/** @throws {InvalidNodeError} INVALID_NODE when changed options have a name */
export function refuseRenaming(options: Pick<NodeOptions, "name">, label: string): void {
  if (options.name === undefined) return;
  throw new InvalidNodeError(`${label} can't be renamed. Remove it and define it again.`);
}

/** @throws {InvalidNodeError} INVALID_NODE for a name that is empty or contains a dot */
export function checkNodeName(name: unknown, what = "node"): asserts name is string {
  if (typeof name === "string" && name !== "" && !name.includes(".")) return;
  throw new InvalidNodeError(
    `The name of a ${what} must be a non-empty string without a dot (a dot picks an output); received ${show(name)}.`,
  );
}

/** @throws {InvalidNodeError} INVALID_NODE unless `name` is a non-empty string */
export function checkWorkflowName(name: unknown): asserts name is string {
  if (typeof name === "string" && name !== "") return;
  throw new InvalidNodeError(`The name of a workflow must be a non-empty string; received ${show(name)}.`);
}

/** @throws {InvalidNodeError} INVALID_NODE when the cache key names a parameter that does not exist */
export function checkCacheKey(key: CacheKey, signature: Signature, node: string, kind = "Node"): void {
  if (key === undefined || typeof key === "function" || signature.rest || signature.extra) return;
  for (const wanted of typeof key === "string" ? [key] : key) {
    if (resolvedNames(signature, (name) => name === wanted).includes(wanted)) continue;
    const hint = paramHint(wanted, paramNames(signature));
    throw new InvalidNodeError(`${kind} "${node}" takes no parameter "${wanted}", which its cache key names.${hint}`);
  }
}

/** Whether the node's only parameter takes several needs: the record of an `all`, or the winner of an `any`. */
export function collects(kind: NodeKind, signature: Signature): boolean {
  return (kind === "all" || kind === "any") && signature.inputs.length === 1 && !signature.rest;
}

function toNeeds(needs: readonly NeedLike[] | undefined, node: string): readonly Need[] {
  if (needs === undefined || needs.length === 0) return NO_NEEDS;
  return Object.freeze(needs.map((need) => Object.freeze(toNeed(need, node))));
}

/** Refuses more needs than parameters. A function without parameters may have any needs, which it waits for. */
export function checkArity(kind: NodeKind, name: string, signature: Signature, needs: readonly Need[]): void {
  const { inputs, rest } = signature;
  if (needs.length <= inputs.length || inputs.length === 0 || rest || signature.extra || collects(kind, signature))
    return;
  const remedy =
    inputs.length === 1 && kind === "node"
      ? "Add parameters, or use @all to get the values as a record"
      : 'Add parameters, or use "after" for a need that only orders';
  throw new InvalidNodeError(
    `Node "${name}" has ${needs.length} needs but ${inputs.length} parameter${inputs.length > 1 ? "s" : ""}. ${remedy}.`,
  );
}
