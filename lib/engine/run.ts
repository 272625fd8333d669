import { LazyAbort } from "../base/abort.js";
import type { DagwrightError, StoreError } from "../base/errors.js";
import type { ChildRunOptions } from "../definition/context.js";
import type { WorkflowKind } from "../definition/defined.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { ResultCache } from "../policies/cache.js";
import { currentCaller } from "../policies/callers.js";
import { isStuck } from "../policies/deadlock.js";
import { anyWaits, type BegunRun, type Holder, type Resource } from "../policies/holder.js";
import type { Scheduler } from "../policies/scheduler.js";
import type { InnerChecks } from "../planning/inner-schemas.js";
import type { AttemptControls } from "../run/context.js";
import { interruption } from "../run/endings.js";
import type { LogLine, Observer } from "../run/events.js";
import type { ChildResult } from "../run/child-result.js";
import type { RunBase } from "../run/run-base.js";
import type { RunStatus } from "../run/status.js";
import { timeOfDay } from "../stores/database/time.js";
import { isOutOfService } from "../stores/database/store-failure.js";
import type { DriverRequest } from "../stores/store.js";
import type { Attempts } from "./attempts.js";
import type { Recorder } from "./durable/recorder.js";
import { EventEmitter, type EmittingRun } from "./event-emitter.js";
import { Lifecycle, type Loop } from "./lifecycle.js";
import { Children, type ContainingRun } from "./children.js";
import type { InnerRuns } from "./inner-runs.js";
import type { CommonRunOptions } from "./options.js";
import { observersOf } from "./logger.js";
import type { OuterRun } from "./outer-run.js";
import { telemetryOf } from "./telemetry/of-run.js";
import type { RunTelemetry, Telemetry } from "./telemetry/telemetry.js";

/** The setup of a run, apart from its options. */
export interface EngineSetup {
  /** Whether the run is synchronous: promises are errors, and delays block. */
  readonly sync: boolean;
  /** The hooks of all nodes: the default hooks, then those of the run. */
  readonly hooks: readonly NodeHooks[];
  cacheOf(node: NodeSpec): ResultCache | undefined;
  /** Whether events can be sent to it without a store: it has a handle, or is inside of a run that has. */
  readonly takesEvents?: boolean;
  /** The run that contains this one. */
  readonly outer?: OuterRun;
  /** Of a resumed run: the results given for nodes inside its workflows, by path. */
  readonly provide?: Readonly<Record<string, unknown>>;
  /** See {@link Loop.checking}. */
  readonly checking?: Promise<void> | undefined;
  /** Its inputs as parsed by schemas inside before it began; undefined if there are none. */
  readonly checks?: InnerChecks | undefined;
  /** Writes the run to its store; undefined when it has none. */
  readonly recorder?: Recorder;
}

/** The common part of the runs of dags and fsms: lifecycle, events, caches, stepping. */
export abstract class EngineRun<S extends RunBase & EmittingRun, R>
  implements Loop<R>, AttemptControls, ContainingRun, BegunRun
{
  readonly life = new Lifecycle<R>(this);
  readonly sync: boolean;
  readonly recorder: Recorder | undefined;
  emitter: EventEmitter | undefined;
  readonly telemetry: RunTelemetry | undefined;
  readonly scheduler: Scheduler | undefined;
  /** The node that began this run, if it is tracked. */
  readonly caller: Holder | undefined;
  /** How many more nodes may start. Finite only when stepping. */
  protected budget = Infinity;
  /** Called when the budget is used up and all started nodes have settled. */
  protected onIdle: (() => void) | undefined = undefined;
  protected lazyAttempts: Attempts | undefined = undefined;
  private lazyChildren: Children | undefined = undefined;
  private lazyAbort: LazyAbort | undefined = undefined;
  /** Whether only waits are left in the run. */
  private isResting = false;

  constructor(
    readonly state: S,
    readonly options: CommonRunOptions,
    protected readonly setup: EngineSetup,
  ) {
    const { observers, scheduler, logger } = options;
    const { recorder, outer } = setup;
    this.sync = setup.sync;
    this.recorder = recorder;
    // Nothing awaits it in a dry run, or if the run is cancelled first.
    setup.checking?.catch(() => {});
    const telemetry = outer === undefined ? telemetryOf(options.telemetry) : outer.followed;
    this.telemetry = telemetry === undefined ? undefined : this.followedBy(telemetry);
    const isObserved = observers !== undefined || logger !== undefined || outer?.emitter !== undefined;
    const hasListeners = isObserved || recorder !== undefined || telemetry !== undefined;
    this.emitter = hasListeners
      ? new EventEmitter(state, observersOf(options), recorder, outer, this.telemetry)
      : undefined;
    if (outer !== undefined) state.shareMetadata(outer.state);
    this.scheduler = scheduler;
    this.caller = outer === undefined ? currentCaller() : outer.caller;
    if (recorder !== undefined) recorder.run = this;
  }

  private followedBy(telemetry: Pick<Telemetry, "follow">): RunTelemetry {
    const { runId, workflow } = this.state;
    return telemetry.follow({ runId, workflow, kind: this.kind, past: this.recorder?.past });
  }

  abstract readonly kind: WorkflowKind;
  /** See {@link BegunRun}. */
  abstract awaitedSlots(): Iterable<Resource>;
  abstract notTaken(event: string): Error;
  abstract begin(): void;
  abstract release(status: RunStatus): void;
  abstract resultOf(status: RunStatus): R;
  /** Starts nodes, or executes states, as far as possible. */
  protected abstract pump(): void;
  /** Marks all nodes that have not settled as cancelled. */
  protected abstract markCancelled(): void;
  /** The first observer subscribed after the run was created. */
  protected abstract observed(emitter: EventEmitter): void;
  abstract readonly inner: InnerRuns;

  get hooks(): readonly NodeHooks[] {
    return this.setup.hooks;
  }

  get checking(): Promise<void> | undefined {
    return this.setup.checking;
  }

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

  /** The trace to record with the run. Runs inside belong to that of their outer run. */
  get trace(): string | undefined {
    return this.setup.outer === undefined ? this.telemetry?.trace : undefined;
  }

  /** Ends the run because it can't be recorded. */
  recordingFailed(error: Error): void {
    if (!this.lostStore(error)) this.life.halt("failed", error as DagwrightError);
  }

  /** Gives the outermost run back if it is returnable and its store can do nothing for now. Returns whether it has. */
  lostStore(error: unknown): boolean {
    const { recorder } = this;
    const { outer } = this.setup;
    if (outer !== undefined) return outer.lostStore(error);
    const isLost = isOutOfService(error) || (error as Partial<StoreError>).code === "LEASE_LOST";
    if (!isLost || recorder?.isReturnable !== true) return false;
    // Its end may be the thing that can't be recorded.
    this.fallSilent();
    this.giveBack(error as StoreError);
    return true;
  }

  /**
   * Ends the run here without an end, as a crash of this process would: attempts in flight are interrupted, and another
   * driver can continue the run. It settles with the error when that is recorded. No effect on a run that is over.
   */
  giveBack(error: DagwrightError): void {
    if (this.isOver) return;
    this.fallSilent();
    this.life.halt("waiting", error);
  }

  /** Reports nothing more of the run and the runs inside, neither to the store nor to observers. */
  fallSilent(): void {
    this.emitter = undefined;
    this.telemetry?.lost();
    this.recorder?.giveBack();
    this.lazyChildren?.fallSilent();
  }

  /** Ends the run because another process asks for it. */
  requested({ kind, reason }: DriverRequest): void {
    if (kind === "cancel") this.life.cancel(reason);
    else if (!this.isOver) this.life.guard(() => this.pause());
  }

  /** In ms since 1970; of a recorded run, by the clock that all processes which may drive it share. */
  timeOfDay(): number {
    return this.recorder?.timeOfDay() ?? timeOfDay();
  }

  /** Aborts when the run ends early. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  protected get abort(): LazyAbort {
    return (this.lazyAbort ??= new LazyAbort());
  }

  /** Lends slots to nodes that wait for one, if everything that holds one waits for them. */
  protected relieve(): void {
    if (this.caller === undefined || !anyWaits()) return;
    for (const slots of this.awaitedSlots()) if (isStuck(slots)) slots.letGo?.(this.caller);
  }

  // --- runs inside ---

  get children(): Children {
    return (this.lazyChildren ??= new Children(this));
  }

  /** The runs inside, if there have been any. */
  get inside(): Children | undefined {
    return this.lazyChildren;
  }

  endChildren(): Promise<void> | undefined {
    return this.lazyChildren?.end();
  }

  get provide(): Readonly<Record<string, unknown>> | undefined {
    return this.setup.provide ?? this.setup.outer?.provide;
  }

  keepChild(key: string, result: ChildResult): void {
    this.state.setChild(key, result);
  }

  /** Whether the run is put away when only waits are left. */
  get detaches(): boolean {
    return this.setup.outer?.detaches ?? (this.recorder !== undefined && this.detachesByItself);
  }

  protected get detachesByItself(): boolean {
    return this.options.detach === true;
  }

  /** Tells the outer run whether only waits are left. */
  setResting(isResting: boolean): void {
    if (this.isResting === isResting) return;
    this.isResting = isResting;
    this.setup.outer?.rests(isResting);
  }

  /** Puts the run away when the events that others have recorded are known. Only waits are left in it. */
  putAwayWhenPolled(): void {
    if (this.setup.outer !== undefined || !this.detaches) return;
    const polled = () => this.life.guard(() => !this.isOver && this.isResting && this.putAway());
    // A store that can't be reached is reported when the end of the run is written.
    this.recorder?.pollEvents().then(polled, polled);
  }

  /** Ends the run as `waiting`. Only waits are left in it. */
  abstract putAway(): void;
  /** Ends the run as `paused` when nothing is in flight. */
  abstract pause(): void;

  get takesEvents(): boolean {
    return this.setup.takesEvents === true;
  }

  get rootId(): string {
    return this.setup.outer?.rootId ?? this.state.runId;
  }

  takesInside(node: string, path: string): readonly string[] {
    const takes = this.setup.outer?.takes;
    if (takes === undefined || takes.length === 0) return this.inner.needsOf(node);
    const prefix = `${path}.`;
    const inner = takes.flatMap((taken) => (taken.startsWith(prefix) ? taken.slice(prefix.length) : []));
    return [...inner, ...this.inner.needsOf(node)];
  }

  runInside(node: number, attempt: number, workflow: unknown, options: ChildRunOptions): Promise<unknown> {
    const { abort } = this;
    const { node: name, key, path } = this.inner.placeOf(node);
    const isRepeated = attempt > 1;
    const site = {
      node: name,
      key,
      path,
      caller: key,
      abort,
      isRepeated,
      isRetry: false,
      restarts: false,
      isCall: true,
    };
    return this.children.call({ attempt, workflow, options, abort, slot: this.inner.slotOf(node) }, site);
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

  /** Starts to emit events, since the run that contains this one is observed. */
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

  progress(node: number, attempt: number, fraction: number, message: string | undefined): void {
    if (!this.isOver) this.emitter?.emit({ type: "node.progress", attempt, fraction, message }, node);
  }

  log(node: number, attempt: number, line: LogLine): void {
    if (!this.isOver) this.emitter?.emit({ type: "node.log", attempt, ...line }, node);
  }

  /** The durability barrier: resolves when the next attempt may start; undefined when it may at once. */
  barrier(): Promise<void> | undefined {
    return this.recorder?.barrier();
  }
}
