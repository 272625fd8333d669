import { show } from "../../base/check.js";
import { asSentence, messageOf } from "../../base/message.js";
import { innerNeedsOf } from "../../planning/inner-needs.js";
import type { DagPlan } from "../../planning/plan.js";
import type { ChildResult } from "../../run/child-result.js";
import { isPause } from "../../run/pause.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import type { Arguments } from "../arguments.js";
import { choose } from "../branching.js";
import { nodeError, nodeFailure } from "../errors.js";
import type { Computation } from "./computation.js";

/** A live dag, as its results see it. */
export interface SettlingDag {
  /** Called when a node is up to date again. @param isChanged - whether what depends on it has to be computed */
  nodeSettled(node: number, isChanged: boolean): void;
  /** Called when a node has a new value, or no longer has one. */
  valueChanged(node: number): void;
}

/**
 * The results of a live dag: applies every outcome to its state, and reports what changed.
 *
 * A stale node keeps its value until it has a new one, or none.
 */
export class LiveResults {
  private readonly plan: DagPlan;
  /** 1 for a node with a value: the present one or, while it is stale, the previous one. */
  private readonly held: Uint8Array;
  /** The statuses of stale nodes when they became stale. */
  private readonly before: Uint8Array;
  /**
   * 1 for the nodes whose outcome needs more than a comparison: forks, and those with an `equals`; undefined if there
   * are none.
   */
  private readonly judges: Uint8Array | undefined;
  /** The paths of the results inside workflows that nodes take, by the workflow's node. */
  private readonly innerNeeds: ReadonlyMap<number, readonly string[]>;
  /** The results of the runs inside that nodes have, by node. */
  private readonly inside = new Map<number, ReadonlyMap<string, ChildResult>>();

  constructor(
    private readonly state: RunState,
    private readonly args: Arguments,
    private readonly dag: SettlingDag,
  ) {
    const { plan } = state;
    this.plan = plan;
    this.held = new Uint8Array(plan.size);
    this.before = new Uint8Array(plan.size);
    const judges = Uint8Array.from(plan.specs, ({ options }, i) =>
      options.equals !== undefined || plan.forks.has(i) ? 1 : 0,
    );
    this.judges = judges.includes(1) ? judges : undefined;
    this.innerNeeds = innerNeedsOf(plan);
  }

  /** Whether a node has a value: the present one or, while it is being computed, the previous one. */
  has(node: number): boolean {
    return this.held[node] === 1;
  }

  get(node: number): unknown {
    return this.state.values[node];
  }

  // --- staleness ---

  /** @returns whether the node has to be computed even if nothing that it depends on changes */
  becameStale(node: number): boolean {
    const { state } = this;
    const status = state.status[node];
    this.before[node] = status;
    state.status[node] = Status.pending;
    if (status !== Status.failed) return false;
    state.facts.errors.delete(node);
    state.facts.nulled.delete(node);
    return true;
  }

  /** Called when a stale node is up to date as it is. */
  kept(node: number): void {
    this.state.status[node] = this.before[node];
  }

  /** Forgets what the policies of a node's previous computation left in the state. */
  forgetPolicies(node: number): void {
    const { facts } = this.state;
    facts.cached.delete(node);
    facts.fallbacks.delete(node);
    facts.itemErrors.delete(node);
  }

  // --- outcomes ---

  /** Applies what a computation returned, unless a user's function that judges it overtakes it. */
  complete(computation: Computation, returned: unknown): void {
    const { node } = computation;
    if (this.judges !== undefined && this.judges[node] === 1) return this.judge(computation, returned);
    this.accept(computation, returned, this.has(node) && Object.is(this.state.values[node], returned));
  }

  /** Completes a node whose outcome needs more than a comparison. */
  private judge(computation: Computation, returned: unknown): void {
    const { state, plan } = this;
    const { node } = computation;
    let value = returned;
    let branch: string | undefined;
    let isSame: boolean;
    try {
      if (plan.forks.has(node)) {
        const choice = choose(plan, node, returned, () => this.args.all(node, undefined));
        value = choice.value;
        branch = choice.branch;
      }
      isSame = this.has(node) && this.isEqual(node, state.values[node], value);
    } catch (error) {
      if (!computation.isOver) this.fail(computation, error);
      return;
    }
    if (computation.isOver) return;
    const isSameBranch = state.branchOf(node) === branch;
    if (branch !== undefined) state.facts.branches.set(node, branch);
    this.accept(computation, value, isSame, isSameBranch);
  }

  private accept(computation: Computation, value: unknown, isSame: boolean, isSameBranch = true): void {
    const { node } = computation;
    const isSameInside = this.keepInside(computation);
    this.state.status[node] = Status.completed;
    this.held[node] = 1;
    if (!isSame) this.state.values[node] = value;
    this.dag.nodeSettled(node, !isSame || !isSameBranch || !isSameInside || this.before[node] === Status.failed);
    if (!isSame) this.dag.valueChanged(node);
  }

  /** Takes the results of the runs inside. Returns whether those that other nodes take are as before. */
  private keepInside({ node, inside }: Computation): boolean {
    const { state } = this;
    if (inside === undefined && this.inside.size === 0) return true;
    const before = this.inside.get(node);
    for (const key of before?.keys() ?? []) state.dropChild(key);
    for (const [key, result] of inside ?? []) state.setChild(key, result);
    if (inside === undefined) this.inside.delete(node);
    else this.inside.set(node, inside);
    const { name } = this.plan.specs[node];
    const [own, old] = [inside?.get(name), before?.get(name)];
    return (this.innerNeeds.get(node) ?? []).every(
      (path) => own?.has(path) === old?.has(path) && Object.is(own?.get(path), old?.get(path)),
    );
  }

  /** @throws {ExecutionError} when the node's own comparison throws, or answers with no boolean */
  private isEqual(node: number, before: unknown, after: unknown): boolean {
    const { name, options } = this.plan.specs[node];
    const { equals } = options;
    if (equals === undefined || this.before[node] === Status.failed) return Object.is(before, after);
    let answer: unknown;
    try {
      answer = equals(before, after);
    } catch (cause) {
      const message = `The "equals" of node "${name}" threw: ${asSentence(messageOf(cause))} Correct the function.`;
      throw nodeError(this.state, node, message, { cause });
    }
    if (typeof answer === "boolean") return answer;
    const message = `The "equals" of node "${name}" must return a boolean; it returned ${show(answer)}. Correct the function.`;
    throw nodeError(this.state, node, message);
  }

  /** Applies what a computation threw. */
  fail(computation: Computation, thrown: unknown): void {
    const { state, plan } = this;
    const { node } = computation;
    const isSameInside = this.keepInside(computation);
    const { name, options } = plan.specs[node];
    const message = `Node "${name}" paused, which is impossible in a live dag. Let it return, and set an input to continue.`;
    const error = isPause(thrown)
      ? nodeError(state, node, message, { cause: thrown })
      : nodeFailure(state, node, thrown);
    state.facts.errors.set(node, error);
    state.facts.branches.delete(node);
    state.status[node] = Status.failed;
    if (options.errorStrategy !== "continueNone") return this.lose(node);
    state.facts.nulled.add(node);
    const wasNull = this.has(node) && state.values[node] === null;
    this.held[node] = 1;
    state.values[node] = null;
    // The outputs of a failed node are null as well; a result of null has no outputs.
    this.dag.nodeSettled(node, !wasNull || this.before[node] !== Status.failed || !isSameInside);
    if (!wasNull) this.dag.valueChanged(node);
  }

  /** Settles a node that nothing computes, since a need has no result. */
  skip(node: number): void {
    const { state } = this;
    this.forgetPolicies(node);
    for (const key of this.inside.get(node)?.keys() ?? []) state.dropChild(key);
    this.inside.delete(node);
    state.facts.branches.delete(node);
    state.status[node] = Status.skipped;
    this.lose(node);
  }

  /** Settles a node that has no value. */
  private lose(node: number): void {
    const isChanged = this.has(node);
    this.held[node] = 0;
    this.state.values[node] = undefined;
    this.dag.nodeSettled(node, isChanged);
    if (isChanged) this.dag.valueChanged(node);
  }
}
