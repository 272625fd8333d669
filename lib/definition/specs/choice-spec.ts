import { checkArray, checkOptions, label, type OptionName, type Rules } from "../../base/check.js";
import { InvalidNodeError } from "../../base/errors.js";
import { isOptional, type NeedSource } from "./need.js";
import type { NodeOptions } from "./node-options.js";
import { nodeSpec, type NodeSpec } from "./node-spec.js";

/**
 * A result that a choice takes: `"node"`, `"node.output"`, or a handle.
 * @inline
 */
export type BranchSource = string | NeedSource;

/** The options of a `dag.guard`. */
export interface GuardOptions<I extends BranchSource = BranchSource, T extends BranchSource = BranchSource> {
  /** What decides: a node that gives a boolean, a condition, or a branch of a fork, which is true if it was taken. */
  if: I;
  /** What runs, and is the result, if the condition is true. */
  then: T;
  description?: string | undefined;
  metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** The options of a `dag.when`. */
export interface WhenOptions<
  I extends BranchSource = BranchSource,
  T extends BranchSource = BranchSource,
  E extends BranchSource = BranchSource,
> extends GuardOptions<I, T> {
  /** What runs, and is the result, if the condition is false. Without it, the node is skipped then. */
  else?: E | undefined;
}

const GUARD_RULES: Rules<GuardOptions> = {
  if: checkSource,
  then: checkSource,
  description: "string",
  metadata: "object",
};
const WHEN_RULES: Rules<WhenOptions> = { ...GUARD_RULES, else: checkSource };

/** All choices pass on the value of the branch that they take. */
const passOn = (value: unknown): unknown => value;

/**
 * The spec of a `when`, whose needs are its condition and its branches.
 * @param method - `when`, or `guard` for one without `else`
 * @throws {InvalidNodeError} INVALID_NODE | {TypeError} naming what is not usable
 */
export function whenSpec(method: "when" | "guard", name: string, options: WhenOptions): NodeSpec {
  const owner: OptionName = { path: "", owner: `${method} "${name}"` };
  checkOptions(options, method === "when" ? WHEN_RULES : GUARD_RULES, owner);
  checkSource({ ...owner, path: "if" }, options.if);
  checkSource({ ...owner, path: "then" }, options.then);
  const { description, metadata, else: otherwise } = options;
  const needs = [options.if, options.then, ...(otherwise === undefined ? [] : [otherwise])];
  return choiceSpec("when", name, { description, metadata, needs });
}

/**
 * The spec of a `coalesce`, whose needs are its candidates in order.
 * @throws {InvalidNodeError} INVALID_NODE | {TypeError} naming what is not usable
 */
export function coalesceSpec(name: string, candidates: readonly BranchSource[]): NodeSpec {
  const owner = `coalesce "${name}"`;
  checkArray({ path: "candidates", owner }, candidates);
  if (candidates.length === 0) throw new InvalidNodeError(`${owner} has no candidates. Give it at least one.`);
  candidates.forEach((candidate, i) => checkSource({ path: `candidates[${i}]`, owner }, candidate));
  return choiceSpec("coalesce", name, { needs: candidates });
}

/** A choice only passes a value on, so it never leaves the thread. */
function choiceSpec(kind: "when" | "coalesce", name: string, options: NodeOptions): NodeSpec {
  return nodeSpec(kind, name, passOn, { ...options, backend: "inline" });
}

/** @throws {InvalidNodeError} INVALID_NODE unless `source` is a need, which choices can't take as optional */
function checkSource(option: OptionName, source: unknown): void {
  if (source === undefined) throw new InvalidNodeError(`${label(option)} is missing. Name a node, or pass its handle.`);
  if (!isOptional(source)) return;
  throw new InvalidNodeError(`${label(option)} must not be optional(…): what has no result is not taken anyway.`);
}
