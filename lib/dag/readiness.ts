import { Edge, edgeText, isSink, type AnyNeed, type DagPlan } from "../planning/plan.js";
import type { RunState } from "../run/state.js";
import { Status } from "../run/status.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import { ChoiceTracker, type Doors } from "./choice-tracker.js";
import { isMet } from "./branching.js";
import { countConsumers, sourcesOf } from "./consumers.js";
import { Companions } from "./node-streams/companions.js";
import type { Executor } from "./executors/executor.js";

interface ReadinessOptions {
  /** Whether `any` nodes wait until all their needs have settled. */
  readonly anyWaitsForAll: boolean;
  /** Whether results are dropped after their last use. */
  readonly dropsResults: boolean;
}

/**
 * Which nodes may run.
 *
 * Counts each node's unsettled needs. A node becomes ready when its last need completes, and goes to the executor. A
 * node is skipped as soon as a required need can no longer complete, and so is every node that requires it.
 *
 * An `any` node becomes ready when its first need completes. With `anyWaitsForAll` it waits until all have settled, and
 * takes the first completed one in order of declaration, so the winner doesn't depend on timing.
 *
 * Cost: O(edges) over a whole run. Not here: which of the ready nodes starts next (`executors/`), and which branch a
 * choice takes (`choice-tracker.ts`).
 */
export class Readiness implements Doors {
  private readonly pending: { [index: number]: number };
  /** The nodes that run together; undefined if none do. */
  readonly companions: Companions | undefined;
  /** Settled nodes whose dependents have yet to be updated. */
  private trail: number[] | undefined = undefined;
  /** Per `any` node, the number of needs that can still complete; undefined when it waits for all. */
  private readonly hopes: Map<number, number> | undefined = undefined;
  private readonly choices: ChoiceTracker | undefined;
  /** How many unfinished nodes still need each result, under `retain: "outputs"`. */
  private readonly consumers: Int32Array | undefined;

  constructor(
    private readonly plan: DagPlan,
    private readonly state: RunState,
    private emitter: EventEmitter | undefined,
    readonly executor: Executor,
    private readonly streams: { settled(node: number): void } | undefined,
    { anyWaitsForAll, dropsResults }: ReadinessOptions,
  ) {
    this.pending = plan.indegree.slice();
    this.companions = plan.streams === undefined ? undefined : new Companions(plan.streams);
    this.consumers = dropsResults ? countConsumers(plan) : undefined;
    const hasChoices = plan.choices !== undefined;
    this.choices = hasChoices
      ? new ChoiceTracker(plan, state, this, this.pending, { waitsForAll: anyWaitsForAll })
      : undefined;
    if (anyWaitsForAll || plan.anyNeeds.size === 0) return;
    this.hopes = new Map();
    for (const [node, needs] of plan.anyNeeds) {
      if (this.choices?.has(node) === true) continue;
      this.hopes.set(node, needs.length);
      this.pending[node] += 1 - needs.length;
    }
  }

  /** Called when the first observer has subscribed. */
  listen(emitter: EventEmitter): void {
    this.emitter = emitter;
  }

  /** Counts nodes that have completed already. Only for plans in which no node can be skipped. */
  catchUp(): void {
    const { pending, plan, state } = this;
    const { start, target } = plan.graph;
    for (let i = 0; i < plan.size; i++) {
      if (state.status[i] !== Status.completed) continue;
      for (let edge = start[i]; edge < start[i + 1]; edge++) pending[target[edge]]--;
    }
  }

  /** Makes nodes without unsettled needs ready. */
  begin(): void {
    const { pending, plan, state } = this;
    for (let i = 0; i < plan.size; i++) {
      if (pending[i] === 0 && state.status[i] === Status.pending) this.makeReady(i);
    }
  }

  /** Whether results are dropped after their last use (`retain: "outputs"`). */
  get dropsResults(): boolean {
    return this.consumers !== undefined;
  }

  /** Whether only one unfinished node needs the result of `source`. Known only where results are dropped. */
  isLastFor(source: number): boolean {
    return this.consumers !== undefined && this.consumers[source] === 1;
  }

  /**
   * Called when a node has started to produce items: the nodes that stream them are ready, unless they wait for others.
   */
  started(source: number): void {
    const { plan, pending, state, companions } = this;
    if (companions === undefined || companions.hasBegun(source)) return;
    companions.begin(source);
    const { start, target } = plan.graph;
    for (let edge = start[source]; edge < start[source + 1]; edge++) {
      const node = target[edge];
      if (plan.flags === undefined || (plan.flags[edge] & Edge.stream) === 0) continue;
      if (state.status[node] === Status.pending && --pending[node] === 0) this.makeReady(node);
    }
  }

  /** Updates the dependents of a settled node, and of every node skipped because of it. */
  release(settled: number): void {
    const { plan, pending, state } = this;
    const { start, target } = plan.graph;
    const { flags, anyNeeds } = plan;
    const hasAny = anyNeeds.size > 0;
    const { choices } = this;
    for (let source: number | undefined = settled; source !== undefined; source = this.trail?.pop()) {
      this.executor.settled?.(source);
      const live = state.hasResult(source);
      if (this.consumers !== undefined) this.forget(source, this.consumers);
      const end = start[source + 1];
      for (let edge = start[source]; edge < end; edge++) {
        const node = target[edge];
        const marks = flags === undefined ? 0 : flags[edge];
        if ((marks & Edge.stream) !== 0 && this.companions?.hasBegun(source) === true) continue;
        if (choices !== undefined && (marks & Edge.order) === 0 && choices.has(node)) {
          choices.needSettled(node);
          continue;
        }
        if (state.status[node] !== Status.pending) continue;
        const alive = live && ((marks & Edge.branch) === 0 || this.state.took(source, plan.labels.get(edge)));
        if (hasAny && (marks & Edge.order) === 0 && anyNeeds.has(node)) this.releaseAny(node, source, edge, alive);
        else if (alive || (marks & Edge.soft) !== 0) {
          if (--pending[node] === 0) this.makeReady(node);
        } else this.skip(node, edgeText(plan, source, edge));
      }
      if (choices === undefined) continue;
      choices.announce();
      if (choices.has(source)) choices.settled(source);
    }
  }

  /** Skips a node that waits, since only a settled `any` still needs it. Called while that one is released. */
  skipWaiting(node: number, cause: string): void {
    this.skip(node, cause);
  }

  /** Releases the nodes that {@link Readiness.skipWaiting} has skipped. */
  releaseSkipped(): void {
    const next = this.trail?.pop();
    if (next !== undefined) this.release(next);
  }

  /**
   * Lets `any` nodes and choices that wait for all their needs take what has completed, since the others wait for times
   * and events. Returns whether that made any of them ready.
   */
  takeCompleted(): boolean {
    const { plan, state, pending, choices } = this;
    if (this.hopes !== undefined || plan.anyNeeds.size === 0) return false;
    const isOpen = ({ source }: AnyNeed) => state.status[source] < Status.completed;
    const found = Array.from(plan.anyNeeds).filter(([node, needs]) => {
      if (choices?.has(node) === true || state.status[node] !== Status.pending) return false;
      return needs.filter(isOpen).length === pending[node] && needs.some((need) => isMet(state, need));
    });
    for (const [node] of found) this.makeReady(node);
    return choices?.takeCompleted() === true || found.length > 0;
  }

  admit(node: number): void {
    if (this.state.status[node] === Status.pending && --this.pending[node] === 0) this.makeReady(node);
  }

  dismiss(node: number, cause: string): void {
    if (this.state.status[node] === Status.pending) this.skip(node, cause);
  }

  /** Called when an edge into an `any` node has settled. */
  private releaseAny(node: number, source: number, edge: number, alive: boolean): void {
    const { winners } = this.state.facts;
    const needs = this.plan.anyNeeds.get(node) as readonly AnyNeed[];
    if (this.hopes === undefined) {
      if (--this.pending[node] === 0) this.makeReady(node, source, edge);
      return;
    }
    if (winners.has(node)) return;
    if (!alive) {
      const hopes = (this.hopes.get(node) as number) - 1;
      this.hopes.set(node, hopes);
      if (hopes === 0) this.skip(node, edgeText(this.plan, source, edge));
      return;
    }
    const label = this.plan.labels.get(edge);
    const isThis = (need: AnyNeed) => need.source === source && (need.branch === undefined || need.branch === label);
    winners.set(node, needs.findIndex(isThis));
    if (--this.pending[node] === 0) this.makeReady(node);
  }

  /** Makes a node ready, or skips an `any` none of whose needs completed. */
  private makeReady(node: number, source = -1, edge = -1): void {
    const needs = this.plan.anyNeeds.size === 0 ? undefined : this.plan.anyNeeds.get(node);
    if (needs !== undefined && !this.state.facts.winners.has(node)) {
      const winner = needs.findIndex((need) => isMet(this.state, need));
      if (winner < 0) return this.skip(node, source < 0 ? needs[0].text : edgeText(this.plan, source, edge));
      this.state.facts.winners.set(node, winner);
    }
    this.state.status[node] = Status.ready;
    this.emitter?.emit({ type: "node.ready" }, node);
    if (this.companions === undefined || !this.companions.add(node)) this.executor.ready(node);
  }

  /** @param cause - the need that caused it, as written, or the choice that did not take it */
  private skip(node: number, cause: string): void {
    this.state.status[node] = Status.skipped;
    this.state.facts.skippedBy.set(node, cause);
    this.streams?.settled(node);
    this.emitter?.emit({ type: "node.skipped", skippedBy: cause }, node);
    (this.trail ??= []).push(node);
  }

  /** Drops the results whose last consumer was `settled`. */
  private forget(settled: number, consumers: Int32Array): void {
    const { plan, state } = this;
    for (const source of new Set(sourcesOf(plan, settled))) {
      if (--consumers[source] > 0 || isSink(plan, source, state.active) || state.kept?.has(source)) continue;
      state.values[source] = undefined;
      state.facts.dropped.add(source);
    }
  }
}
