import type { AttemptCall } from "../backends/runner.js";
import type { LazyAbort } from "../base/abort.js";
import type { Coroutine } from "../base/coroutine.js";
import { define } from "../base/objects.js";
import type { Semaphore } from "../base/semaphore.js";
import type { PendingAcquire } from "../base/pending-acquire.js";
import type { Context } from "../definition/context.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import { inputName } from "../definition/specs/named-inputs.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { Subworkflow } from "../definition/specs/subworkflow-spec.js";
import type { ResultCache } from "../policies/cache.js";
import type { CircuitChange } from "../policies/circuit.js";
import type { Holder, SlotSource } from "../policies/holder.js";
import { processLimits, type Limits } from "../policies/limits.js";
import type { Scheduler } from "../policies/scheduler.js";
import type { AttemptControls } from "../run/context.js";
import type { ErrorSite } from "../run/errors.js";
import type { LogLine } from "../run/events.js";
import type { RunBase } from "../run/run-base.js";
import type { Permits } from "./permits.js";
import type { Slot } from "./slot.js";
import type { Children } from "./children.js";
import type { ChildSite, InnerCall } from "./run-inside.js";
import type { InnerRuns } from "./inner-runs.js";
import type { Outlet } from "./channel.js";
import type { EventEmitter } from "./event-emitter.js";
import type { AttemptTelemetry, RefreshTelemetry, RunTelemetry } from "./telemetry/telemetry.js";

/** A call of a node that may be in the wait-for graph. */
export interface TracedCall extends AttemptCall {
  readonly holder: Holder | undefined;
  /** Released while the node waits. */
  readonly slot: Slot;
  /** Follows the attempt; undefined when nothing does. */
  readonly followed: AttemptTelemetry | undefined;
}

/** The run of an attempt, as the attempt sees it. Nodes and states are indices into the plan. */
export interface AttemptHost extends AttemptControls {
  readonly sync: boolean;
  readonly isOver: boolean;
  readonly workflow: string;
  /** The limits that the run shares with others. */
  readonly limits: Limits;
  readonly scheduler: Scheduler | undefined;
  /** Whether all nodes are in the wait-for graph, since those that hold keys may wait for them. */
  readonly tracesAll: boolean;
  /** The permits of a node that other runs of the same stream share; undefined when it has no limit there. */
  nodeLimitOf(node: number): Semaphore | undefined;
  /**
   * What a waiting node counts as a part of: the node that began the run, if it is tracked, or the group of the node.
   */
  callerOf(node: number): Holder | undefined;
  /** A node in the wait-for graph, if it is there regardless of its options. */
  holderOf?(node: number): Holder | undefined;
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
  /** What the function returned when called with `args`, with its value replaced by what `check` returns for it. */
  checked(node: number, returned: unknown, args: readonly unknown[], check: (value: unknown) => Coroutine): Coroutine;
  /** The outcome when the function returned `returned` and hooks made `result` of it. */
  outcomeOf(node: number, returned: unknown, result: unknown, args: readonly unknown[]): unknown;
  siteOf(node: number, attempt: number, options?: ErrorOptions): ErrorSite;
  /** Calls the node's function on its backend. @param onStart - called when the function starts */
  execute(node: number, call: TracedCall, abort: LazyAbort, onStart: () => void): unknown;
  /** Where a node gets its slot of the scheduler; undefined for a workflow, whose nodes take them. */
  schedulerOf(node: number): SlotSource | undefined;
  /** Runs a workflow inside the run, for an attempt. */
  callInside(node: number, call: InnerCall): Promise<unknown>;
  /** Whether a failed attempt may be followed by another one. */
  canRetry(node: number): boolean;
  /** The permits that a node takes, for the wait-for graph; undefined if it takes none. */
  slotsOf(node: number): Permits | undefined;
  /** Acquires a permit of the run at once, or returns the wait for one. */
  acquire(node: number): PendingAcquire | undefined;
  /** Releases the permit of an attempt. */
  release(node: number): void;
  /** Called when the attempt has to wait before it begins, for a permit or for the delay before a retry. */
  attemptPending(node: number, attempt: number): void;
  /** Called when the attempt, once begun, has to wait for a permit that it released. */
  pump(): void;
  cacheHit(node: number): void;
  cacheMissed(node: number): void;
  /** An expired result was served from the cache, because computing it failed with `error`. */
  staleServed(node: number, error: unknown, storedAt: number): void;
  /** Refreshing a cached result in the background failed. The run may be over. */
  refreshFailed(node: number, error: unknown, failures: number, retryAt: number): void;
  attemptStarted(node: number, attempt: number): void;
  /** Follows an attempt that has started, if there is telemetry. */
  followed(node: number, attempt: number): AttemptTelemetry | undefined;
  /** Follows a computation of a node that begins in the background, if there is telemetry. */
  refreshing(node: number): RefreshTelemetry | undefined;
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
  /** The host for computing a node in the background, if it is another one. */
  inBackground?(node: number): AttemptHost;
}

/** A run, as its host sees it. */
export interface HostRun extends AttemptControls {
  readonly sync: boolean;
  readonly state: RunBase & { readonly plan: { readonly specs: readonly NodeSpec[] } };
  readonly emitter: EventEmitter | undefined;
  readonly telemetry: RunTelemetry | undefined;
  readonly isOver: boolean;
  /** The hooks of all nodes: the default hooks, then those of the run. */
  readonly hooks: readonly NodeHooks[];
  readonly scheduler: Scheduler | undefined;
  /** See {@link AttemptHost.tracesAll}. */
  readonly tracesAll: boolean;
  readonly caller: Holder | undefined;
  cacheOf(node: NodeSpec): ResultCache | undefined;
  barrier(): Promise<void> | undefined;
  /** The runs inside. */
  readonly children: Children;
  readonly inner: Pick<InnerRuns, "placeOf">;
}

/** The common part of the hosts of nodes and of states. */
export abstract class EngineHost<R extends HostRun> implements AttemptControls {
  readonly sync: boolean;
  readonly workflow: string;
  readonly scheduler: Scheduler | undefined;
  readonly limits: Limits;
  readonly tracesAll: boolean;

  constructor(protected readonly run: R) {
    this.sync = run.sync;
    this.workflow = run.state.workflow;
    this.scheduler = run.scheduler;
    this.tracesAll = run.tracesAll;
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

  /** @param item - the index of an item of a map */
  followed(node: number, attempt: number, item?: number): AttemptTelemetry | undefined {
    return this.run.telemetry?.attempt(this.specOf(node).name, attempt, item);
  }

  /** @param item - the index of an item of a map */
  refreshing(node: number, item?: number): RefreshTelemetry | undefined {
    return this.run.telemetry?.refresh(this.specOf(node).name, item);
  }

  schedulerOf(node: number): SlotSource | undefined {
    return this.specOf(node).subworkflow === undefined ? this.scheduler : undefined;
  }

  /** @param item - an item of a map, named with its node: `thumb[3]` */
  callInside(node: number, call: InnerCall, item?: string): Promise<unknown> {
    return this.run.children.call(call, this.siteInside(node, call, item, { isCall: true }));
  }

  runInside(): never {
    return refuseRunInside();
  }

  /** Runs a node that is a workflow, or the workflow of a map for an item, which is named with its node: `thumb[3]`. */
  executeWorkflow(
    node: number,
    { spec, args, ctx, holder, followed }: TracedCall,
    abort: LazyAbort,
    onStart: () => void,
    item?: string,
  ): unknown {
    onStart();
    const outlets = item === undefined ? this.outletsOf(node) : undefined;
    const site = this.siteInside(node, { attempt: ctx.attempt, abort, holder, followed }, item, {
      isCall: false,
      outlets,
    });
    return this.run.children.execute(spec.subworkflow as Subworkflow, givenInputs(spec, args), site);
  }

  /** The place in which an attempt of a node, or of an item of a map, begins a run inside. */
  private siteInside(
    node: number,
    { attempt, abort, holder, followed }: Pick<InnerCall, "attempt" | "abort" | "holder" | "followed">,
    item: string | undefined,
    { isCall, outlets }: Pick<ChildSite, "isCall" | "outlets">,
  ): ChildSite {
    const before = this.attemptsBefore(node);
    // The attempts of an item are counted from 1 again when the run is resumed.
    const isRetry = attempt > (item === undefined ? before : 0) + 1;
    const isRepeated = isRetry || before > 0;
    // Recorded results can't be streamed again.
    const restarts = !isCall && (isRetry || outlets !== undefined);
    const { node: name, key, path } = this.run.inner.placeOf(node);
    const caller = item ?? key;
    return {
      node: name,
      key: caller,
      path: item ?? path,
      caller,
      abort,
      isRetry,
      isRepeated,
      restarts,
      isCall,
      outlets,
      followed,
      holder: holder ?? this.holderOf(node),
    };
  }

  abstract holderOf(node: number): Holder | undefined;

  /** The items inside a workflow that others stream, by path. */
  protected abstract outletsOf(node: number): ReadonlyMap<string, Outlet> | undefined;

  protected abstract attemptsBefore(node: number): number;

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

  progress(node: number, attempt: number, fraction: number, message: string | undefined): void {
    this.run.progress(node, attempt, fraction, message);
  }

  log(node: number, attempt: number, line: LogLine): void {
    this.run.log(node, attempt, line);
  }
}

/** For contexts that do not belong to a node's function. */
export function refuseRunInside(): never {
  throw new TypeError("ctx.run is for the function of a node, not for its fallback or an error handler.");
}

/**
 * The inputs of a workflow, without optional ones that have no source; undefined if it takes none. Each run inside
 * keeps them, so they are a plain record: one without a prototype takes four times the memory.
 */
function givenInputs({ signature }: NodeSpec, args: readonly unknown[]): Readonly<Record<string, unknown>> | undefined {
  if (args.length === 0) return undefined;
  const inputs: Record<string, unknown> = {};
  args.forEach((value, position) => {
    const name = inputName(signature, position);
    if (name === undefined || (value === undefined && signature.inputs[position]?.optional === true)) return;
    if (name === "__proto__") define(inputs, name, value);
    else inputs[name] = value;
  });
  return inputs;
}
