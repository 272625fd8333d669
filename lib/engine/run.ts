import { LazyAbort } from "../base/abort.js";
import type { DagwrightError } from "../base/errors.js";
import type { ChildRunOptions } from "../definition/context.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { ResultCache } from "../policies/cache.js";
import { currentCaller } from "../policies/callers.js";
import type { Scheduler } from "../policies/scheduler.js";
import type { AttemptControls } from "../run/context.js";
import { interruption } from "../run/endings.js";
import type { Observer } from "../run/events.js";
import type { RunBase } from "../run/run-base.js";
import type { RunStatus } from "../run/status.js";
import type { Attempts } from "./attempts.js";
import type { Recorder } from "./durable/recorder.js";
import { EventEmitter, type EmittingRun } from "./event-emitter.js";
import { Lifecycle, type Loop } from "./lifecycle.js";
import { Children, type ChildPlace, type ContainingRun } from "./children.js";
import type { CommonRunOptions } from "./options.js";
import type { OuterRun } from "./outer-run.js";
import type { SharedPermits } from "./permits.js";
import type { Slot } from "./slot.js";

/** The setup of a run, beside its options. */
export interface EngineSetup {
  /** Whether the run is synchronous: promises are errors, and delays block. */
  readonly sync: boolean;
  /** The hooks of all nodes: the default hooks, then those of the run. */
  readonly hooks: readonly NodeHooks[];
  cacheOf(node: NodeSpec): ResultCache | undefined;
  /** The run that contains this one. */
  readonly outer?: OuterRun;
  /** Of a resumed run: the results given for nodes inside its workflows, by path. */
  readonly provide?: Readonly<Record<string, unknown>>;
  /** See {@link Loop.checking}. */
  readonly checking?: Promise<void> | undefined;
  /** Writes the run to its store; undefined when it has none. */
  readonly recorder?: Recorder;
}

/** The common part of the runs of dags and fsms: lifecycle, events, caches, stepping. */
export abstract class EngineRun<S extends RunBase & EmittingRun, R> implements Loop<R>, AttemptControls, ContainingRun {
  readonly life = new Lifecycle<R>(this);
  readonly sync: boolean;
  readonly hooks: readonly NodeHooks[];
  readonly recorder: Recorder | undefined;
  readonly checking: Promise<void> | undefined;
  emitter: EventEmitter | undefined;
  readonly scheduler: Scheduler | undefined;
  /** The node that began this run, if it is tracked. */
  readonly caller = currentCaller();
  /** How many more nodes may start. Finite only when stepping. */
  protected budget = Infinity;
  /** Called when the budget is used up and all started nodes have settled. */
  protected onIdle: (() => void) | undefined = undefined;
  protected lazyAttempts: Attempts | undefined = undefined;
  private lazyChildren: Children | undefined = undefined;
  private lazyAbort: LazyAbort | undefined = undefined;

  constructor(
    readonly state: S,
    readonly options: CommonRunOptions,
    protected readonly setup: EngineSetup,
  ) {
    const { observers, scheduler } = options;
    const { recorder, outer } = setup;
    this.sync = setup.sync;
    this.hooks = setup.hooks;
    this.recorder = recorder;
    this.checking = setup.checking;
    // Nothing awaits it in a dry run, or if the run is cancelled first.
    this.checking?.catch(() => {});
    const hasListeners = observers !== undefined || recorder !== undefined || outer?.emitter !== undefined;
    this.emitter = hasListeners ? new EventEmitter(state, observers ?? [], recorder, outer) : undefined;
    if (outer !== undefined) state.shareMetadata(outer.state);
    this.scheduler = scheduler;
    if (recorder !== undefined) recorder.run = this;
  }

  abstract begin(): void;
  abstract release(status: RunStatus): void;
  /** Cancels the runs inside that are left. */
  protected endChildren(): void {
    this.lazyChildren?.end();
  }
  abstract resultOf(status: RunStatus): R;
  /** Starts nodes, or executes states, as far as possible. */
  protected abstract pump(): void;
  /** Marks all nodes that have not settled as cancelled. */
  protected abstract markCancelled(): void;
  /** The first observer subscribed after the run was created. */
  protected abstract observed(emitter: EventEmitter): void;
  abstract innerOptions(node: string): CommonRunOptions;
  abstract sharedPermits(node: string, among: { readonly several: boolean }): SharedPermits | undefined;
  /** The results of nodes inside a workflow that other nodes take, by path. */
  protected abstract innerNeeds(node: string): readonly string[];
  /** The slot of a node that is a plain call. */
  protected abstract slotOf(node: number): Slot;
  /** What a run inside is called that is a node, or which a node begins. */
  abstract placeInside(node: number): ChildPlace;

  get isOver(): boolean {
    return this.life.isOver;
  }

  get isSettled(): boolean {
    return this.life.isSettled;
  }

  /** Resolves when the run is in its store; at once without a store. @throws {StoreError} */
  get recorded(): Promise<void> {
    return this.recorder?.opened ?? Promise.resolve();
  }

  /** Ends the run because it can't be recorded. */
  recordingFailed(error: Error): void {
    this.life.halt("failed", error as DagwrightError);
  }

  /** Aborts when the run ends early. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  protected get abort(): LazyAbort {
    return (this.lazyAbort ??= new LazyAbort());
  }

  // --- runs inside ---

  get children(): Children {
    return (this.lazyChildren ??= new Children(this));
  }

  get provide(): Readonly<Record<string, unknown>> | undefined {
    return this.setup.provide ?? this.setup.outer?.provide;
  }

  takesInside(node: string, path: string): readonly string[] {
    const prefix = `${path}.`;
    const { takes = [] } = this.setup.outer ?? {};
    const inner = takes.flatMap((taken) => (taken.startsWith(prefix) ? taken.slice(prefix.length) : []));
    return [...inner, ...this.innerNeeds(node)];
  }

  runInside(node: number, attempt: number, workflow: unknown, options: ChildRunOptions): Promise<unknown> {
    const { abort } = this;
    const place = { ...this.placeInside(node), abort };
    const site = { ...place, isRepeated: attempt > 1, isRetry: false, restarts: false, isCall: true };
    return this.children.call({ attempt, workflow, options, abort, slot: this.slotOf(node) }, site);
  }

  cancelOpen(error: DagwrightError): boolean {
    this.markCancelled();
    const reason = interruption(this.state, error);
    this.abort.abort(reason);
    return this.lazyAttempts?.interrupt(reason) === true;
  }

  /**
   * Lets `budget` nodes start.
   * @param onIdle - called when they have settled
   */
  limit(budget: number, onIdle: () => void): void {
    this.budget = budget;
    this.onIdle = onIdle;
  }

  /** Continues within the budget of {@link EngineRun.limit}. */
  resume(): void {
    this.pump();
  }

  /** Adds an observer of all further events. Returns a function that removes it; undefined when the run has ended. */
  observe(observer: Observer): (() => void) | undefined {
    if (this.life.isSettled) return undefined;
    if (this.emitter === undefined) {
      this.emitter = new EventEmitter(this.state, [], undefined);
      this.observed(this.emitter);
    }
    this.lazyChildren?.observed();
    return this.emitter.add(observer);
  }

  /** Emits events from now on, since the run that contains this one is observed. */
  outerObserved(): void {
    if (this.emitter === undefined) {
      this.emitter = new EventEmitter(this.state, [], undefined, this.setup.outer);
      this.observed(this.emitter);
    }
    this.lazyChildren?.observed();
  }

  cacheOf(node: NodeSpec): ResultCache | undefined {
    return this.setup.cacheOf(node);
  }

  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void {
    if (!this.isOver) this.emitter?.emit({ type: "node.progress", attempt, fraction, message }, node);
  }

  /** The durability barrier: resolves when the next attempt may start; undefined when it may at once. */
  barrier(): Promise<void> | undefined {
    return this.recorder?.barrier();
  }
}
