import { LazyAbort, onAbort } from "../base/abort.js";
import { now, toEpoch } from "../base/clock.js";
import { drive, isThenable, type Coroutine } from "../base/coroutine.js";
import { show } from "../base/check.js";
import { inline } from "../backends/inline.js";
import { Decision, Route } from "../definition/decisions.js";
import type { ErrorStrategy } from "../definition/node-options.js";
import { MinSet } from "../graph/min-set.js";
import { Edge, isSink, type AnyNeed, type DagPlan } from "../planning/plan.js";
import type { ResultCache } from "../policies/cache.js";
import { hooked } from "../policies/hooks.js";
import { AttemptsFailed, retrying } from "../policies/retry.js";
import { limited } from "../policies/timeout.js";
import { NodeContext, type AttemptControls } from "../run/context.js";
import {
  CancelledError,
  ExecutionError,
  messageOf,
  NodeTimeoutError,
  RetryExhaustedError,
  RunTimeoutError,
} from "../run/errors.js";
import type { RunEvent } from "../run/events.js";
import { RunResult } from "../run/result.js";
import { NEVER, type RunState } from "../run/state.js";
import { Status, type RunStatus } from "../run/status.js";
import { Arguments, inputValues, WiringFault } from "./arguments.js";
import type { DagRunSettings } from "./run-options.js";

/** How long a run may keep the event loop to itself, in ms, before timers and signals get a turn. */
const TIME_SLICE = 25;

/** How a run ended: with `error`, it rejects. */
export interface Outcome {
  readonly result: RunResult<any>;
  readonly error: ExecutionError | undefined;
}

/**
 * Drives one run of a dag from plan to terminal state.
 *
 * One loop: take the ready nodes, start each while fewer than `limit` attempts are in flight, fold every outcome back
 * into the run's state, which makes further nodes ready or skipped. A node without options is called directly, and
 * without a promise where its function returns none; any other goes through a coroutine that lays the policies around it.
 *
 * Guarantees:
 * - a node starts only after all its needs completed, and at most once a run, retries aside;
 * - when a need failed the node is `skipped` at once: nothing ever waits for a result that cannot come;
 * - abort resolves: what is still in flight is given up, its outcome dropped and its rejection handled.
 *
 * Cost: O(nodes + edges) a run, whatever the shape.
 */
export class DagRun implements AttemptControls {
  private readonly plan: DagPlan;
  private readonly ready: MinSet;
  private readonly pending: { [index: number]: number };
  private readonly args: Arguments;
  private readonly abort = new LazyAbort();
  /** Attempts that hold a slot. */
  private inFlight = 0;
  /** Nodes that started and have not settled. */
  private open = 0;
  /** How many more nodes may start; finite only when stepping. */
  private budget = Infinity;
  private time: number;
  private readonly startedAt: number;
  private sliceEnd: number;
  private readonly deadline: number;
  private pumping = false;
  private yielding = false;
  private pausing = false;
  private over = false;
  private idleSlot: Slot | undefined;
  /** The attempts that something may have to interrupt, and those that wait for a slot. */
  private interrupts: Set<LazyAbort> | undefined;
  private parked: Map<number, () => void> | undefined;
  /** Per `any` node, how many of its needs can still complete; empty when it waits for all of them. */
  private readonly hopes = new Map<number, number>();
  /** How many unfinished nodes still need each result, under `retain: "outputs"`. */
  private consumers: Int32Array | undefined;
  private readonly trail: number[] = [];
  private timer: NodeJS.Timeout | undefined;
  private removeListener: (() => void) | undefined;

  constructor(
    private readonly settings: DagRunSettings,
    private readonly state: RunState,
    private readonly onEnd: (outcome: Outcome) => void,
  ) {
    const { plan } = settings;
    this.plan = plan;
    this.ready = new MinSet(plan.size);
    this.pending = plan.indegree.slice();
    this.args = new Arguments(plan, state, inputValues(plan, state.inputs));
    this.time = this.startedAt = now();
    this.sliceEnd = settings.sync ? Infinity : this.time + TIME_SLICE;
    this.deadline = settings.timeout === undefined ? Infinity : this.time + settings.timeout;
  }

  /** Starts the run. In a synchronous run it has ended when this returns. */
  start(budget = Infinity): void {
    const { settings, state } = this;
    this.budget = budget;
    if (settings.observers !== undefined) {
      this.emit({ type: "run.started", ...this.fact(), workflow: this.plan.workflow, inputs: state.inputs });
    }
    if (settings.signal !== undefined) {
      this.removeListener = onAbort(settings.signal, (reason) => this.cancel(reason));
      if (this.over) return this.removeListener();
    }
    if (settings.timeout !== undefined && !settings.sync) {
      this.timer = setTimeout(() => this.expire(), settings.timeout);
    }
    this.prepare();
    this.pump();
  }

  /** Lets `budget` more nodes start. */
  resume(budget: number): void {
    this.budget = budget;
    this.pump();
  }

  /** Starts no more nodes; the run ends as `paused` when those in flight have settled. */
  pause(): void {
    if (this.over || this.pausing) return;
    this.pausing = true;
    this.pump();
  }

  /** Ends the run as `cancelled`, now. */
  cancel(reason: unknown): void {
    if (this.over) return;
    const { workflow } = this.plan;
    const why = reason === undefined ? "" : `: ${messageOf(reason)}`;
    const message = `Run of "${workflow}" was cancelled${why}. Its partial results are in the error's "run".`;
    this.stop("cancelled", new CancelledError(message, { runId: this.state.runId, cause: reason }));
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void {
    if (this.settings.observers === undefined || this.over) return;
    this.emit({ type: "node.progress", ...this.fact(), node: this.name(node), attempt, fraction, message });
  }

  // --- which nodes run ---

  /** Settles what is known before anything runs, and makes the first nodes ready. */
  private prepare(): void {
    const { plan, state, settings, pending } = this;
    if (settings.retain === "outputs") this.consumers = countConsumers(plan);
    if (!settings.anyWaitsForAll) {
      for (const [node, needs] of plan.anyNeeds) {
        this.hopes.set(node, needs.length);
        pending[node] += 1 - needs.length;
      }
    }
    const { active } = state;
    if (active === undefined && settings.overrides === undefined) {
      for (let i = 0; i < plan.size; i++) if (pending[i] === 0) this.makeReady(i);
      return;
    }
    for (let i = 0; active !== undefined && i < plan.size; i++) if (active[i] === 0) state.status[i] = Status.skipped;
    for (let i = 0; active !== undefined && i < plan.size; i++) if (active[i] === 0) this.release(i);
    for (const [node, value] of settings.overrides ?? []) {
      if (state.status[node] !== Status.skipped) this.complete(node, value);
    }
    for (let i = 0; i < plan.size; i++) if (pending[i] === 0 && state.status[i] === Status.pending) this.makeReady(i);
  }

  /** Starts ready nodes while there is room, and notices when there is nothing left to wait for. */
  private pump(): void {
    if (this.pumping || this.yielding) return;
    this.pumping = true;
    const { limit, sync } = this.settings;
    const byRank = this.plan.rank?.node;
    while (this.inFlight < limit && !this.over && this.budget > 0) {
      if (this.time >= this.deadline) break;
      if (this.time >= this.sliceEnd && !sync && this.ready.size > 0) {
        this.yield();
        break;
      }
      const next = this.ready.take();
      if (next < 0) break;
      const node = byRank === undefined ? next : byRank[next];
      const unpark = this.parked?.get(node);
      if (unpark !== undefined) {
        this.parked?.delete(node);
        unpark();
      } else if (!this.pausing) this.launch(node);
    }
    this.pumping = false;
    if (this.time >= this.deadline) this.expire();
    if (this.over || this.open > 0 || this.yielding) return;
    if (this.ready.size === 0) this.conclude();
    else this.settings.onIdle?.();
  }

  /** Gives the event loop a turn, so that a long run of synchronous nodes blocks neither timers nor signals. */
  private yield(): void {
    this.yielding = true;
    setImmediate(() => {
      this.yielding = false;
      this.time = now();
      this.sliceEnd = this.time + TIME_SLICE;
      this.pump();
    });
  }

  private makeReady(node: number): void {
    this.state.status[node] = Status.ready;
    if (this.settings.observers !== undefined) this.emit({ type: "node.ready", ...this.fact(), node: this.name(node) });
    this.enqueue(node);
  }

  private enqueue(node: number): void {
    const { rank } = this.plan;
    this.ready.add(rank === undefined ? node : rank.of[node]);
  }

  /** Tells the dependents of a settled node, and those of every node that is skipped by it. */
  private release(settled: number): void {
    const { plan, pending, trail } = this;
    const { start, target } = plan.graph;
    const { status } = this.state;
    const { flags } = plan;
    trail.push(settled);
    for (let source = trail.pop(); source !== undefined; source = trail.pop()) {
      const live = this.state.hasResult(source);
      if (this.consumers !== undefined) this.forget(source);
      const end = start[source + 1];
      for (let edge = start[source]; edge < end; edge++) {
        const node = target[edge];
        if (status[node] !== Status.pending) continue;
        const marks = flags === undefined ? 0 : flags[edge];
        const alive = live && ((marks & Edge.branch) === 0 || this.took(source, plan.labels.get(edge)));
        if (plan.anyNeeds.size > 0 && (marks & Edge.order) === 0 && plan.anyNeeds.has(node)) {
          this.releaseAny(node, source, edge, alive);
        } else if (alive || (marks & Edge.soft) !== 0) {
          if (--pending[node] === 0) this.settleNeeds(node);
        } else {
          this.skip(node, source, edge);
        }
      }
    }
  }

  /** An edge into an `any` node is settled: the first live one starts it, the last dead one skips it. */
  private releaseAny(node: number, source: number, edge: number, alive: boolean): void {
    const hopes = this.hopes.get(node);
    if (hopes === undefined) {
      if (--this.pending[node] === 0) this.settleNeeds(node, { source, edge });
      return;
    }
    const { winners } = this.state.facts;
    if (winners.has(node)) return;
    if (!alive) {
      this.hopes.set(node, hopes - 1);
      if (hopes === 1) this.skip(node, source, edge);
      return;
    }
    const needs = this.plan.anyNeeds.get(node) as readonly AnyNeed[];
    const label = this.plan.labels.get(edge);
    winners.set(
      node,
      needs.findIndex((need) => need.source === source && (need.branch === undefined || need.branch === label)),
    );
    if (--this.pending[node] === 0) this.makeReady(node);
  }

  /** Nothing is left that the node waits for. An `any` that waits for all takes the first need, as declared. */
  private settleNeeds(node: number, last?: { readonly source: number; readonly edge: number }): void {
    const needs = this.plan.anyNeeds.get(node);
    if (needs !== undefined && !this.state.facts.winners.has(node)) {
      const alive = ({ source, branch }: AnyNeed) =>
        this.state.hasResult(source) && (branch === undefined || this.took(source, branch));
      const winner = needs.findIndex(alive);
      if (winner < 0) return this.skip(node, last?.source ?? needs[needs.length - 1].source, last?.edge ?? -1);
      this.state.facts.winners.set(node, winner);
    }
    this.makeReady(node);
  }

  /** Whether a fork took this branch. One that failed under `continueNone` takes all of them. */
  private took(fork: number, branch: string | undefined): boolean {
    return this.state.branchOf(fork) === branch || this.state.status[fork] === Status.failed;
  }

  private skip(node: number, source: number, edge: number): void {
    this.state.status[node] = Status.skipped;
    this.state.facts.skippedBy.set(node, { source, edge });
    if (this.settings.observers !== undefined) {
      const skippedBy = this.state.skippedBy(node);
      this.emit({ type: "node.skipped", ...this.fact(), node: this.name(node), skippedBy });
    }
    this.trail.push(node);
  }

  // --- how a node runs ---

  private launch(node: number): void {
    const { state, settings } = this;
    state.status[node] = Status.running;
    state.startedAt[node] = this.time;
    this.open++;
    this.budget--;
    const managed = settings.hooks.length > 0 || this.plan.managed?.[node] === 1;
    if (!managed) this.inFlight++;
    let work: unknown;
    try {
      work = managed ? drive(this.managed(node)) : this.call(node);
    } catch (error) {
      return this.failed(node, managed, error);
    }
    if (!isThenable(work)) return this.succeeded(node, managed, work);
    if (settings.sync) {
      work.then(undefined, () => {});
      const hint = `Node "${this.name(node)}" returned a promise, which runSync can't wait for. Use run instead.`;
      return this.failed(node, managed, new WiringFault(hint));
    }
    const slot = this.idleSlot ?? new Slot(this);
    this.idleSlot = slot.next;
    slot.next = undefined;
    slot.node = node;
    slot.managed = managed;
    if (work instanceof Promise) void work.then(slot.fulfil, slot.reject);
    else void Promise.resolve(work).then(slot.fulfil, slot.reject);
  }

  /** Takes a slot back whose promise has settled. */
  settled(slot: Slot, ok: boolean, outcome: unknown): void {
    const { node, managed } = slot;
    slot.next = this.idleSlot;
    this.idleSlot = slot;
    if (this.over) return;
    if (ok) this.succeeded(node, managed, outcome);
    else this.failed(node, managed, outcome);
    this.pump();
  }

  private succeeded(node: number, managed: boolean, value: unknown): void {
    this.time = now();
    if (this.over) return;
    this.open--;
    if (!managed) this.inFlight--;
    this.complete(node, value);
  }

  private failed(node: number, managed: boolean, error: unknown): void {
    this.time = now();
    if (this.over) return;
    if (!managed) {
      this.inFlight--;
      this.attemptFailed(node, 1, error);
    }
    this.fail(node, error);
  }

  /** Calls a node's function with its arguments: the plain case, spelled out because it is the hot path. */
  private call(node: number): unknown {
    const { args, argStart, specs } = this.plan;
    const { fn, self } = specs[node];
    const first = argStart[node];
    const count = argStart[node + 1] - first;
    if (this.settings.observers !== undefined) this.attemptStarted(node, 1);
    switch (count) {
      case 0:
        return fn.call(self);
      case 1:
        return fn.call(self, this.argument(args[first], node));
      case 2:
        return fn.call(self, this.argument(args[first], node), this.argument(args[first + 1], node));
      case 3:
        return fn.call(
          self,
          this.argument(args[first], node),
          this.argument(args[first + 1], node),
          this.argument(args[first + 2], node),
        );
      default:
        return fn.apply(self, this.args.all(node, new NodeContext(this.state, node, 1, this)));
    }
  }

  private argument(code: number, node: number): unknown {
    if (code >= 0) return this.state.results[code];
    const isContext = this.plan.bindings[~code].type === "context";
    return this.args.value(code, node, isContext ? new NodeContext(this.state, node, 1, this) : undefined);
  }

  /** A node with options or hooks. From the outside in: cache, retry, slot, hooks, timeout, backend. */
  private *managed(node: number): Coroutine {
    const { name, options } = this.plan.specs[node];
    const retries = options.retry ?? 0;
    const attempts = () => (retries > 0 ? this.retried(node, retries) : this.attempt(node, 1));
    const cache = this.settings.cacheOf(name);
    if (cache === undefined) return yield* attempts();
    return yield* this.cached(node, cache, attempts);
  }

  private *cached(node: number, cache: ResultCache, attempts: () => Coroutine): Coroutine {
    const { facts } = this.state;
    const onHit = () => {
      facts.cached.add(node);
      facts.attempts.set(node, 0);
    };
    const inputs = this.args.inputsOf(node);
    try {
      return yield* cache.lookUp(inputs, attempts, onHit);
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "DataCloneError") throw error;
      const message = `The inputs of cached node "${this.name(node)}" can't be compared: ${error.message} Pass plain data.`;
      throw this.error(node, message, error);
    }
  }

  private *retried(node: number, retries: number): Coroutine {
    const { signal } = this;
    const controls = { sync: this.settings.sync, signal, waiting: () => this.pump() };
    try {
      return yield* retrying(retries, (n) => this.attempt(node, n), controls);
    } catch (error) {
      if (!(error instanceof AttemptsFailed)) throw error;
      const { errors } = error;
      const cause = errors[errors.length - 1];
      const site = { runId: this.state.runId, node: this.name(node), attempt: errors.length, cause };
      const message = `Node "${site.node}" failed in all ${errors.length} attempts, at last: ${messageOf(cause)}`;
      throw new RetryExhaustedError(message, site, errors);
    }
  }

  private *attempt(node: number, n: number): Coroutine {
    if (this.inFlight < this.settings.limit) this.inFlight++;
    else yield this.slot(node);
    const { state, plan } = this;
    const { hooks: runHooks, observers } = this.settings;
    const abort = new LazyAbort();
    (this.interrupts ??= new Set()).add(abort);
    if (this.over) abort.abort(this.abort.signal.reason);
    state.facts.attempts.set(node, n);
    try {
      if (observers !== undefined) this.attemptStarted(node, n);
      const spec = plan.specs[node];
      const controls: AttemptControls = {
        get signal() {
          return abort.signal;
        },
        progress: (...facts) => this.progress(...facts),
      };
      const ctx = new NodeContext(state, node, n, controls);
      const call = { spec, args: this.args.all(node, ctx), ctx };
      const { timeout } = spec.options;
      const expired = () => {
        const message = `Node "${spec.name}" took longer than its timeout of ${timeout} ms.`;
        return new NodeTimeoutError(message, { runId: state.runId, node: spec.name, attempt: n });
      };
      const execute = () => limited(timeout, abort, expired, () => inline.execute(call));
      const own = plan.hooks.get(node);
      const hooks = own === undefined ? runHooks : [...runHooks, own];
      const value = yield* hooks.length === 0 ? execute() : hooked(hooks, call, execute);
      return plan.forks.has(node) ? this.passOn(node, value, call.args) : value;
    } catch (error) {
      this.attemptFailed(node, n, error);
      throw error;
    } finally {
      this.interrupts.delete(abort);
      this.inFlight--;
    }
  }

  /** Waits until the loop gives a slot to this node. */
  private slot(node: number): Promise<void> {
    return new Promise((resolve) => {
      (this.parked ??= new Map()).set(node, () => {
        this.inFlight++;
        resolve();
      });
      this.enqueue(node);
    });
  }

  // --- what became of a node ---

  private complete(node: number, value: unknown): void {
    const { state } = this;
    let result = value;
    const kind = this.plan.forks.size > 0 ? this.plan.specs[node].kind : "node";
    if (kind === "condition" || kind === "select") {
      try {
        result = this.decide(node, kind, value);
      } catch (error) {
        this.open++;
        return this.fail(node, error);
      }
    }
    state.status[node] = Status.completed;
    state.finishedAt[node] = this.time;
    state.results[node] = result;
    if (this.settings.observers !== undefined) {
      const cached = state.isCached(node);
      this.emit({ type: "node.completed", ...this.fact(), node: this.name(node), result, cached });
    }
    this.release(node);
  }

  /** Adds the input to what a fork returned, where it returned only the branch. */
  private passOn(node: number, value: unknown, args: readonly unknown[]): unknown {
    const first = this.plan.forks.get(node)?.first ?? -1;
    const passed = first < 0 ? undefined : args[first];
    if (typeof value === "boolean") return new Decision(value, passed);
    return typeof value === "string" ? new Route(value, passed) : value;
  }

  /** Records the branch that a fork took and gives the value it passes on. */
  private decide(node: number, kind: "condition" | "select", value: unknown): unknown {
    const fork = this.plan.forks.get(node) as { first: number; branches: ReadonlySet<string> };
    const { branches } = this.state.facts;
    const given = fork.first < 0 || typeof value === "object" ? [] : this.args.all(node, undefined);
    value = this.passOn(node, value, given);
    if (kind === "condition") {
      const decision = value instanceof Decision ? value : new Decision(value as boolean, undefined);
      if (typeof decision.condition !== "boolean") {
        throw new WiringFault(
          `Condition "${this.name(node)}" returned ${show(decision.condition)}. Return a boolean or decide(boolean, value).`,
        );
      }
      branches.set(node, String(decision.condition));
      return decision.value;
    }
    const route = value instanceof Route ? value : new Route(value as string, undefined);
    const taken = fork.branches.has(route.branch) || fork.branches.size === 0 ? route.branch : "default";
    if (typeof route.branch !== "string" || (fork.branches.size > 0 && !fork.branches.has(taken))) {
      const names = Array.from(fork.branches, (branch) => `"${branch}"`).join(", ");
      throw new WiringFault(
        `Select "${this.name(node)}" chose ${show(route.branch)}, but its branches are ${names || "not connected"}. ` +
          `Return one of them, or connect a "default" branch.`,
      );
    }
    branches.set(node, taken);
    return route.value;
  }

  private fail(node: number, thrown: unknown): void {
    const error = this.failureOf(node, thrown);
    const { state, settings } = this;
    state.status[node] = Status.failed;
    state.finishedAt[node] = this.time;
    state.errors.set(node, error);
    if (settings.observers !== undefined) this.emit({ type: "node.failed", ...this.fact(), node: this.name(node), error });
    const verdict = this.strategyFor(node, error);
    if (!isThenable(verdict)) return this.applyStrategy(node, error, verdict);
    if (settings.sync) {
      const message = "errorHandler returned a promise, which runSync can't wait for. Use run instead.";
      return this.applyStrategy(node, error, this.error(node, message));
    }
    void verdict.then((strategy) => {
      if (this.over) return;
      this.time = now();
      this.applyStrategy(node, error, strategy);
      this.pump();
    });
  }

  private applyStrategy(node: number, error: ExecutionError, strategy: ErrorStrategy | ExecutionError): void {
    this.open--;
    if (strategy instanceof ExecutionError) return this.stop("failed", strategy);
    if (strategy === "failFast") return this.stop("failed", error);
    if (strategy === "continueNone") {
      this.state.facts.nulled.add(node);
      this.state.results[node] = null;
    }
    this.release(node);
  }

  /** What to do about a failure; an error when the handler itself is at fault. */
  private strategyFor(
    node: number,
    error: ExecutionError,
  ): ErrorStrategy | ExecutionError | Promise<ErrorStrategy | ExecutionError> {
    const { errorHandler, errorStrategy } = this.settings;
    if (errorHandler === undefined) return this.plan.specs[node].options.errorStrategy ?? errorStrategy;
    const faulty = (cause: unknown) =>
      this.error(node, `errorHandler threw on the failure of node "${this.name(node)}": ${messageOf(cause)}`, cause);
    const toStrategy = (answer: unknown) => {
      if (answer === "stop") return "failFast";
      if (answer === "continue") return "continue";
      return this.error(node, `errorHandler must return "stop" or "continue"; it returned ${show(answer)}.`);
    };
    try {
      const ctx = new NodeContext(this.state, node, this.state.attemptsOf(node), this);
      const answer: unknown = errorHandler(this.name(node), error, ctx);
      return isThenable(answer) ? Promise.resolve(answer).then(toStrategy, faulty) : toStrategy(answer);
    } catch (cause) {
      return faulty(cause);
    }
  }

  /** The error of a node that failed: dagwright's own as they are, a user's as the cause of ours. */
  private failureOf(node: number, thrown: unknown): ExecutionError {
    if (thrown instanceof ExecutionError && thrown.runId === this.state.runId) return thrown;
    if (thrown instanceof WiringFault) return this.error(node, thrown.message);
    return this.error(node, `Node "${this.name(node)}" failed: ${messageOf(thrown)}`, thrown);
  }

  private error(node: number, message: string, ...cause: [unknown?]): ExecutionError {
    const site = { runId: this.state.runId, node: this.name(node), attempt: this.state.attemptsOf(node) };
    return new ExecutionError(message, cause.length === 0 ? site : { ...site, cause: cause[0] });
  }

  /** Drops the results that `source` was the last to need. */
  private forget(source: number): void {
    const consumers = this.consumers as Int32Array;
    const { plan, state } = this;
    const needed = new Set(sourcesOf(plan, source));
    for (const from of needed) {
      if (--consumers[from] > 0 || isSink(plan, from, state.active)) continue;
      state.results[from] = undefined;
      state.facts.dropped.add(from);
    }
  }

  // --- how the run ends ---

  private expire(): void {
    if (this.over) return;
    const message = `Run of "${this.plan.workflow}" took longer than its timeout of ${this.settings.timeout} ms.`;
    this.stop("failed", new RunTimeoutError(message, { runId: this.state.runId }));
  }

  private conclude(): void {
    const { state, plan } = this;
    const left = this.pausing && plan.order.some((i) => state.status[i] <= Status.ready);
    if (left && this.settings.observers !== undefined) this.emit({ type: "run.paused", ...this.fact() });
    this.end(left ? "paused" : state.errors.size > 0 ? "failed" : "completed", undefined);
  }

  /** Ends the run before its time: what has not settled is cancelled. */
  private stop(status: RunStatus, error: ExecutionError): void {
    if (this.over) return;
    this.over = true;
    const { state, plan, settings } = this;
    this.time = now();
    for (let i = 0; i < plan.size; i++) {
      if (state.status[i] > Status.running) continue;
      if (state.status[i] === Status.running) state.finishedAt[i] = this.time;
      state.status[i] = Status.cancelled;
      if (settings.observers !== undefined) this.emit({ type: "node.cancelled", ...this.fact(), node: this.name(i) });
    }
    const reason =
      error instanceof CancelledError
        ? error
        : new CancelledError(`Run of "${plan.workflow}" was stopped: ${error.message}`, { runId: state.runId, cause: error });
    this.abort.abort(reason);
    const interrupted = this.interrupts !== undefined && this.interrupts.size > 0;
    for (const attempt of this.interrupts ?? []) attempt.abort(reason);
    // Hooks of the attempts just given up get one turn of the event loop to clean up.
    if (interrupted && !settings.sync) setImmediate(() => this.end(status, error));
    else this.end(status, error);
  }

  private end(status: RunStatus, error: ExecutionError | undefined): void {
    this.over = true;
    this.removeListener?.();
    clearTimeout(this.timer);
    if (this.settings.observers !== undefined) this.emit({ type: "run.finished", ...this.fact(), status, error });
    const result = new RunResult<any>(this.state, status, { startedAt: this.startedAt, finishedAt: this.time });
    if (error !== undefined) error.run = result;
    this.onEnd({ result, error });
  }

  // --- who is told ---

  private name(node: number): string {
    return this.plan.specs[node].name;
  }

  private fact(): { runId: string; at: number } {
    return { runId: this.state.runId, at: toEpoch(now()) };
  }

  private attemptStarted(node: number, attempt: number): void {
    this.emit({ type: "attempt.started", ...this.fact(), node: this.name(node), attempt });
  }

  private attemptFailed(node: number, attempt: number, error: unknown): void {
    if (this.settings.observers === undefined || this.over) return;
    this.emit({ type: "attempt.failed", ...this.fact(), node: this.name(node), attempt, error });
  }

  private emit(event: RunEvent): void {
    for (const observer of this.settings.observers ?? []) {
      try {
        const returned: unknown = observer(event);
        if (isThenable(returned)) returned.then(undefined, (error) => warn(event, error));
      } catch (error) {
        warn(event, error);
      }
    }
  }
}

/** Waits for one node's promise. Used again for the next one, so that a run makes few closures. */
class Slot {
  node = NEVER;
  managed = false;
  next: Slot | undefined;
  readonly fulfil: (value: unknown) => void;
  readonly reject: (error: unknown) => void;

  constructor(run: DagRun) {
    this.fulfil = (value) => run.settled(this, true, value);
    this.reject = (error) => run.settled(this, false, error);
  }
}

function warn(event: RunEvent, error: unknown): void {
  process.emitWarning(`An observer threw on "${event.type}": ${messageOf(error)}`, "DagwrightObserverWarning");
}

/** The nodes whose results `node` takes, each once. */
function* sourcesOf(plan: DagPlan, node: number): Generator<number> {
  for (let k = plan.argStart[node]; k < plan.argStart[node + 1]; k++) yield* sourcesOfCode(plan, plan.args[k], node);
}

function* sourcesOfCode(plan: DagPlan, code: number, node: number): Generator<number> {
  if (code >= 0) return yield code;
  const binding = plan.bindings[~code];
  if (binding.type === "output" || binding.type === "branch") yield binding.source;
  else if (binding.type === "winner") for (const need of plan.anyNeeds.get(node) ?? []) yield need.source;
  else if (binding.type === "record" || binding.type === "list") {
    for (const inner of binding.codes) yield* sourcesOfCode(plan, inner, node);
  }
}

function countConsumers(plan: DagPlan): Int32Array {
  const counts = new Int32Array(plan.size);
  for (let node = 0; node < plan.size; node++) {
    for (const source of new Set(sourcesOf(plan, node))) counts[source]++;
  }
  return counts;
}
