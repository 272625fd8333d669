import { show } from "../../base/check.js";
import { processWide } from "../../base/process-wide.js";
import { InvalidNodeError } from "../../base/errors.js";
import { merge } from "../../base/merge.js";
import { withGuessedContext, withoutGuessedContext } from "./context-param.js";
import { resolvedNames, paramHint, paramNames } from "./named-inputs.js";
import { toNeed, type Need, type NeedLike } from "./need.js";
import { isOwnBackend } from "./backend.js";
import { checkNodeOptions, frozen, type NodeOptions } from "./node-options.js";
import type { CacheOptions } from "./policy-options.js";
import { readSignature } from "./params.js";
import type { Signature } from "./signature.js";
import { checkCombination, checkMapOptions, partMapOptions, type MapOptions, type MapSettings } from "./map-options.js";
import { checkEventOptions, partEventOptions, type EventOptions, type EventSpec } from "./event-spec.js";
import { isSubworkflow, refuseEach, type Subworkflow } from "./subworkflow-spec.js";

/** How a node treats its needs and its result. */
export type NodeKind =
  "node" | "condition" | "select" | "all" | "any" | "when" | "coalesce" | "state" | "workflow" | "map" | "event";

/** @inline */
export type NodeFunction = (...args: any[]) => unknown;

/** The definition of a node. Frozen, and independent of plans and runs. */
export interface NodeSpec {
  /** The name, which is unique in the workflow. */
  readonly name: string;
  /** The decorator or builder method that defined it; `node` for a cached node. */
  readonly kind: NodeKind;
  /** The option `description`. */
  readonly description: string | undefined;
  /** The function that attempts call; if the node has none, and only its backend knows what it does, one that throws. */
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
  /** The options it was defined with, frozen. */
  readonly options: NodeOptions;
  /** The workflow that takes the place of the function. */
  readonly subworkflow: Subworkflow | undefined;
  /** The options of a map, whose function, or workflow, is called for each item of its first need. */
  readonly map: MapSettings | undefined;
  /** What an event node waits for, whose payload its first parameter takes. */
  readonly event: EventSpec | undefined;
}

/** A method that is a node. */
export interface Method {
  readonly self: object;
  readonly key: string;
  /** The function that declares the parameters, which may differ from the one that is called; undefined for a field. */
  readonly declared: NodeFunction | undefined;
}

type CacheKey = CacheOptions["key"];

const NO_NEEDS: readonly Need[] = Object.freeze([]);
const NO_OPTIONS: NodeOptions = Object.freeze({});

/**
 * @param given - its function; undefined if its backend has what it does
 * @param method - for a method: its instance, and the function that declares its parameters
 * @throws {InvalidNodeError} INVALID_NODE when the name, the function or a need is invalid
 * @throws {TypeError} | {RangeError} when an option is invalid
 */
export function nodeSpec(
  kind: NodeKind,
  name: string,
  given: NodeFunction | undefined,
  options: NodeOptions = NO_OPTIONS,
  method?: Method,
): NodeSpec {
  checkNodeName(name);
  const fn = given ?? standIn(name, options);
  if (typeof fn !== "function") throw new InvalidNodeError(`Node "${name}" needs a function; received ${show(fn)}.`);
  if (options !== NO_OPTIONS) checkNodeOptions(options, name);
  const needs = toNeeds(options.needs, name);
  const { declared = fn } = method ?? {};
  const read = readSignature(declared, options.params, name);
  const signature = read.guess === undefined ? read : withGuessedContext(read, kind, needs.length);
  if (needs.length > 0 && needs.length >= signature.inputs.length) checkArity(kind, name, signature, needs);
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
    subworkflow: undefined,
    map: undefined,
    event: undefined,
  });
}

/** The function of a node without one, whose backend has what it does. It is never called. */
const isElsewhere = processWide("no function", () => (): never => {
  throw new Error("This node has no function.");
});

/** Whether a node has a function of its own, so that it can run in this process. */
export function hasFunction({ fn }: Pick<NodeSpec, "fn">): boolean {
  return fn !== isElsewhere;
}

/** @throws {InvalidNodeError} INVALID_NODE when a node without a function has needs, but no parameters that take them */
function standIn(name: string, { backend, needs = [], params }: NodeOptions): NodeFunction | undefined {
  if (!isOwnBackend(backend)) return undefined;
  if (params !== undefined || needs.length === 0) return isElsewhere;
  throw new InvalidNodeError(
    `Node "${name}" has no function, so its parameters have no names. Name them in order: { params: ["…"] }.`,
  );
}

/** The function of an event node without one: its result is the payload. */
const payloadOf = (...values: unknown[]): unknown => values[0];

/** Whether a node is an event node without a function. */
export function givesPayload({ fn }: NodeSpec): boolean {
  return fn === payloadOf;
}

/** The spec of an event node. Throws like {@link nodeSpec}. */
export function eventSpec(
  name: string,
  given: NodeFunction | undefined,
  options: EventOptions = NO_OPTIONS,
  method?: Method,
): NodeSpec {
  checkNodeName(name);
  checkEventOptions(options, name);
  const { event, node } = partEventOptions(name, options);
  const fn = given ?? standIn(name, node) ?? payloadOf;
  const own = fn === payloadOf ? { ...node, backend: "inline" as const } : node;
  return Object.freeze({ ...nodeSpec("event", name, fn, own, method), event });
}

/** The spec of a map. Throws like {@link nodeSpec}. */
export function mapSpec(
  name: string,
  work: NodeFunction | Subworkflow | undefined,
  options: MapOptions = NO_OPTIONS,
  method?: Method,
): NodeSpec {
  checkNodeName(name);
  checkMapOptions(options, name);
  const { settings: map, node } = partMapOptions(options);
  if (isSubworkflow(work) && method === undefined) refuseEach(work, `Map "${name}"`);
  const spec = isSubworkflow(work) ? workflowSpec(name, work, node) : nodeSpec("map", name, work, node, method);
  return Object.freeze({ ...spec, kind: "map", map, signature: withItem(spec) });
}

/** The signature of a map's function, with a parameter for the item also if the function declares none. */
function withItem({ subworkflow, signature }: NodeSpec): Signature {
  const { inputs, rest, extra } = signature;
  if (subworkflow !== undefined || inputs.length > 0 || rest || extra) return signature;
  return Object.freeze({ ...signature, inputs: Object.freeze([{ name: undefined, optional: false }]) });
}

/** The function of nodes that are workflows, which is never called. */
function runsAsWorkflow(): never {
  throw new Error("A workflow has no function.");
}

/** The parts of a spec whose function is replaced by a workflow. Planning derives its parameters from the inputs. */
export function workflowParts(subworkflow: Subworkflow) {
  const signature = readSignature(runsAsWorkflow, undefined, "");
  return {
    fn: runsAsWorkflow,
    declared: runsAsWorkflow,
    self: undefined,
    method: undefined,
    signature,
    subworkflow,
    map: undefined,
    event: undefined,
  };
}

/**
 * The spec of a node that is a workflow. Throws like {@link nodeSpec}.
 * @throws {InvalidNodeError} INVALID_NODE for options that only functions have
 * @throws {ValidationError} VALIDATION for options that only fields with `@map` have
 */
export function workflowNodeSpec(name: string, subworkflow: Subworkflow, options: NodeOptions = NO_OPTIONS): NodeSpec {
  refuseEach(subworkflow, `Node "${name}"`);
  return workflowSpec(name, subworkflow, options);
}

function workflowSpec(name: string, subworkflow: Subworkflow, options: NodeOptions): NodeSpec {
  checkNodeName(name);
  checkNodeOptions(options, name);
  refuseFunctionOptions(options, `Node "${name}"`);
  return Object.freeze({
    ...workflowParts(subworkflow),
    name,
    kind: "workflow",
    description: options.description,
    needs: toNeeds(options.needs, name),
    after: toNeeds(options.after, name),
    options: frozen(options),
  });
}

/** @throws {InvalidNodeError} INVALID_NODE for options of functions */
export function refuseFunctionOptions(options: NodeOptions, label: string): void {
  for (const option of ["backend", "params", "types", "returns"] as const) {
    if (options[option] === undefined) continue;
    throw new InvalidNodeError(`${label} is a workflow, so it has no option "${option}". Set it on the nodes inside.`);
  }
}

/** The spec with the given options changed. Throws like {@link nodeSpec}. */
export function reconfigured(spec: NodeSpec, options: NodeOptions): NodeSpec {
  const { kind, name } = spec;
  if (spec.map !== undefined) {
    const { settings, node } = partMapOptions(options);
    checkMapOptions(options, name);
    const map = merge(spec.map, settings);
    checkCombination(map, name);
    return Object.freeze({ ...reconfigured({ ...spec, map: undefined }, node), map });
  }
  if (spec.event !== undefined) {
    const { event } = spec;
    checkEventOptions(options, name);
    const { event: given, node } = partEventOptions(event.name, options);
    const timeout = "bodyTimeout" in options ? node.timeout : spec.options.timeout;
    const changed = reconfigured({ ...spec, event: undefined }, { ...node, timeout });
    return Object.freeze({ ...changed, event: merge(event, given) });
  }
  checkNodeOptions(options, name);
  if (spec.subworkflow !== undefined) refuseFunctionOptions(options, `Node "${name}"`);
  refuseRenaming(options, `Node "${name}"`);
  if (isChoice(kind) && (options.needs ?? options.params) !== undefined) {
    throw new InvalidNodeError(
      `The branches of the ${kind} "${name}" can't be changed. Remove it and define it again.`,
    );
  }
  const all = merge(spec.options, options);
  const needs = options.needs === undefined ? spec.needs : toNeeds(options.needs, name);
  const signature = signatureWith(spec, options, needs.length);
  checkArity(kind, name, signature, needs);
  if (spec.subworkflow === undefined) checkCacheKey(all.cache?.key, signature, name);
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

/** Whether a node's outputs are branches. */
export function isFork(spec: NodeSpec): boolean {
  return spec.kind === "condition" || spec.kind === "select";
}

/** Whether a node takes one of several branches, and starts what only that branch needs. */
export function isChoice(kind: NodeKind): boolean {
  return kind === "when" || kind === "coalesce";
}

/**
 * Whether the node's only parameter takes several needs: the record of an `all`, the winner of an `any`, the branch of a
 * choice.
 */
export function collects(kind: NodeKind, signature: Signature): boolean {
  return (kind === "all" || kind === "any" || isChoice(kind)) && signature.inputs.length === 1 && !signature.rest;
}

function toNeeds(needs: readonly NeedLike[] | undefined, node: string): readonly Need[] {
  if (needs === undefined || needs.length === 0) return NO_NEEDS;
  return Object.freeze(needs.map((need) => Object.freeze(toNeed(need, node))));
}

/**
 * Refuses more needs than parameters. A function without parameters, or with that of a payload only, may have any needs,
 * which it waits for.
 */
export function checkArity(kind: NodeKind, name: string, signature: Signature, needs: readonly Need[]): void {
  const { inputs, rest } = signature;
  const free = kind === "event" ? Math.max(0, inputs.length - 1) : inputs.length;
  if (needs.length <= free || free === 0 || rest || signature.extra || collects(kind, signature)) return;
  const remedy =
    inputs.length === 1 && kind === "node"
      ? "Add parameters, or use @all to get the values as a record"
      : 'Add parameters, or use "after" for a need that only orders';
  throw new InvalidNodeError(
    `Node "${name}" has ${needs.length} needs but ${free} parameter${free > 1 ? "s" : ""}${kind === "event" ? " after its payload" : ""}. ${remedy}.`,
  );
}
