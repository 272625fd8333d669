import type { AttemptCall } from "../backends/backend.js";
import type { LazyAbort } from "../base/abort.js";
import type { PendingAcquire } from "../base/pending-acquire.js";
import type { Context } from "../definition/context.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { ResultCache } from "../policies/cache.js";
import type { CircuitChange } from "../policies/circuit.js";
import type { Holder } from "../policies/holder.js";
import { processLimits, type Limits } from "../policies/limits.js";
import type { Scheduler } from "../policies/scheduler.js";
import type { AttemptControls } from "../run/context.js";
import type { ErrorSite } from "../run/errors.js";
import type { RunBase } from "../run/run-base.js";
import type { EventEmitter } from "./event-emitter.js";

/** The run of an attempt, as the attempt sees it. Nodes and states are indices into the plan. */
export interface AttemptHost extends AttemptControls {
  readonly sync: boolean;
  readonly isOver: boolean;
  readonly workflow: string;
  /** The limits that the run shares with others. */
  readonly limits: Limits;
  readonly scheduler: Scheduler | undefined;
  /** The node that began the run, if it is tracked. */
  readonly caller: Holder | undefined;
  /** The hooks of a node, in order. */
  hooksOf(node: number): readonly NodeHooks[];
  specOf(node: number): NodeSpec;
  /** `Node "x"` or `State "x"`. */
  labelOf(node: number): string;
  cacheOf(node: number): ResultCache | undefined;
  contextOf(node: number, attempt: number, controls: AttemptControls): Context;
  /** The node's arguments, with `context` as its context. */
  argumentsOf(node: number, context: Context | undefined): unknown[];
  /** The result that hooks get when the function returned `returned`. */
  resultIn(returned: unknown): unknown;
  /** The outcome when the function returned `returned` and hooks made `result` of it. */
  outcomeOf(node: number, returned: unknown, result: unknown, args: readonly unknown[]): unknown;
  siteOf(node: number, attempt: number, options?: ErrorOptions): ErrorSite;
  /** Calls the node's function on its backend. @param onStart - called when the function starts */
  execute(node: number, call: AttemptCall, abort: LazyAbort, onStart: () => void): unknown;
  /** Acquires a permit of the run at once, or returns the wait for one. */
  acquire(node: number): PendingAcquire | undefined;
  /** Releases the permit of an attempt. */
  release(node: number): void;
  /** The attempt has to wait, for a permit or for the delay before a retry. */
  attemptPending(node: number, attempt: number): void;
  cacheHit(node: number): void;
  cacheMissed(node: number): void;
  /** An expired result was served from the cache, because computing it failed with `error`. */
  staleServed(node: number, error: unknown, storedAt: number): void;
  /** Refreshing a cached result in the background failed. The run may be over. */
  refreshFailed(node: number, error: unknown, failures: number, retryAt: number): void;
  attemptStarted(node: number, attempt: number): void;
  attemptFailed(node: number, attempt: number, error: unknown): void;
  /** The durability barrier: resolves when the function may be called; undefined when it may be at once. */
  barrier(): Promise<void> | undefined;
  /** The number of attempts before the run was resumed. */
  attemptsBefore(node: number): number;
  /** The number of attempts so far. */
  attemptsOf(node: number): number;
  /** The node's call opened or closed its circuit. */
  circuitChanged(node: number, type: CircuitChange, key: string | undefined): void;
  /** The node's fallback replaced its failure. */
  fallbackUsed(node: number, error: unknown): void;
  /** The node settles without an attempt. */
  notAttempted(node: number): void;
}

/** A run, as its host sees it. */
export interface HostRun extends AttemptControls {
  readonly sync: boolean;
  readonly state: RunBase & { readonly plan: { readonly specs: readonly NodeSpec[] } };
  readonly emitter: EventEmitter | undefined;
  readonly isOver: boolean;
  /** The hooks of all nodes: the default hooks, then those of the run. */
  readonly hooks: readonly NodeHooks[];
  readonly scheduler: Scheduler | undefined;
  readonly caller: Holder | undefined;
  cacheOf(node: NodeSpec): ResultCache | undefined;
  barrier(): Promise<void> | undefined;
}

/** The common part of the hosts of nodes and of states. */
export abstract class EngineHost<R extends HostRun> implements AttemptControls {
  readonly sync: boolean;
  readonly workflow: string;
  readonly scheduler: Scheduler | undefined;
  readonly limits: Limits;
  readonly caller: Holder | undefined;

  constructor(protected readonly run: R) {
    this.sync = run.sync;
    this.workflow = run.state.workflow;
    this.scheduler = run.scheduler;
    this.caller = run.caller;
    this.limits = run.scheduler?.limits ?? processLimits;
  }

  protected abstract ownHooksOf(node: number): NodeHooks | undefined;

  get isOver(): boolean {
    return this.run.isOver;
  }

  get signal(): AbortSignal {
    return this.run.signal;
  }

  specOf(node: number): NodeSpec {
    return this.run.state.plan.specs[node];
  }

  hooksOf(node: number): readonly NodeHooks[] {
    const own = this.ownHooksOf(node);
    return own === undefined ? this.run.hooks : [...this.run.hooks, own];
  }

  cacheOf(node: number): ResultCache | undefined {
    return this.run.cacheOf(this.specOf(node));
  }

  barrier(): Promise<void> | undefined {
    return this.run.barrier();
  }

  circuitChanged(node: number, type: CircuitChange, key: string | undefined): void {
    if (!this.isOver) this.run.emitter?.emit({ type, key }, node);
  }

  cacheMissed(): void {
    this.run.state.countLookUp("misses");
  }

  refreshFailed(node: number, error: unknown, failures: number, retryAt: number): void {
    this.run.emitter?.emit({ type: "refresh.failed", error, failures, retryAt }, node);
  }

  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void {
    this.run.progress(node, attempt, fraction, message);
  }
}
