import type { Trips } from "../../backends/runner.js";
import type { LazyAbort } from "../../base/abort.js";
import type { Coroutine } from "../../base/coroutine.js";
import type { Semaphore } from "../../base/semaphore.js";
import type { PendingAcquire } from "../../base/pending-acquire.js";
import type { ChildRunOptions, Context } from "../../definition/context.js";
import type { ItemPlace } from "../../definition/item.js";
import type { NodeHooks } from "../../definition/specs/node-options.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import type { InnerCall } from "../../engine/run-inside.js";
import type { Permits } from "../../engine/permits.js";
import { CONTEXT, filledIn } from "../../engine/context-placeholder.js";
import type { AttemptTelemetry, RefreshTelemetry } from "../../engine/telemetry/telemetry.js";
import { refuseRunInside, type AttemptHost, type TracedCall } from "../../engine/host.js";
import type { ResultCache } from "../../policies/cache.js";
import type { CircuitChange } from "../../policies/circuit.js";
import type { Holder, SlotSource } from "../../policies/holder.js";
import type { Limits } from "../../policies/limits.js";
import type { Scheduler } from "../../policies/scheduler.js";
import type { AttemptControls } from "../../run/context.js";
import type { ErrorSite } from "../../run/errors.js";
import type { LogLine } from "../../run/events.js";
import type { DagHost, DagHostRun } from "../host.js";
import type { ItemSlots } from "./item-slots.js";

/** A dag's run, as its maps see it. */
export interface MappingRun extends DagHostRun {
  /** How many nodes may be in flight. */
  readonly concurrency: number;
  /** Whether nodes wait to start. */
  readonly hasWaiting: boolean;
  /** Of a resumed run: the results given for what paused inside, by path. */
  readonly provide: Readonly<Record<string, unknown>> | undefined;
  readonly life: { failInternally(fault: unknown): void };
  /** Starts no more nodes. */
  pause(): void;
}

/** An item in flight. */
export interface MapItem extends ItemPlace {
  readonly value: unknown;
  /** Its name in ids and messages: `thumb[3]`. */
  readonly name: string;
  /** The number of attempts so far. */
  attempts: number;
  isCached: boolean;
}

/** Provides the attempts of a map's items, which are treated like nodes, with arguments, contexts and permits. */
export class MapHost implements AttemptHost {
  readonly sync: boolean;
  readonly workflow: string;
  readonly limits: Limits;
  readonly scheduler: Scheduler | undefined;
  readonly tracesAll: boolean;
  /** The items in flight, by index. */
  readonly items = new Map<number, MapItem>();
  /** The arguments of the map, with the collection in place of the item. */
  readonly args: readonly unknown[];
  /** The position of the item among the arguments. */
  readonly itemAt: number;
  /** Undefined where items don't leave this thread, or go one after the other. */
  trips: Trips | undefined;
  /** Undefined where items take no permits. */
  slots: ItemSlots | undefined;

  constructor(
    private readonly host: DagHost,
    private readonly node: number,
    private readonly onStarted: (item: MapItem) => void,
  ) {
    this.sync = host.sync;
    this.workflow = host.workflow;
    this.limits = host.limits;
    this.scheduler = host.scheduler;
    this.tracesAll = host.tracesAll;
    this.args = host.argumentsOf(node, CONTEXT);
    this.itemAt = host.specOf(node).signature.contextAt === 0 ? 1 : 0;
  }

  /** The argument whose items are mapped. */
  get collection(): unknown {
    return this.args[this.itemAt];
  }

  pump(): void {
    this.host.pump();
  }

  /** Whether the function takes its context. */
  get takesContext(): boolean {
    return this.args.includes(CONTEXT);
  }

  get isOver(): boolean {
    return this.host.isOver;
  }

  get signal(): AbortSignal {
    return this.host.signal;
  }

  argumentsOf(item: number, context: Context | undefined): unknown[] {
    const args = filledIn(this.args, context);
    args[this.itemAt] = this.itemOf(item).value;
    return args;
  }

  specOf(): NodeSpec {
    return this.host.specOf(this.node);
  }

  labelOf(item: number): string {
    return `Node "${this.itemOf(item).name}"`;
  }

  hooksOf(): readonly NodeHooks[] {
    return this.host.hooksOf(this.node);
  }

  cacheOf(): ResultCache | undefined {
    return this.host.cacheOf(this.node);
  }

  contextOf(item: number, attempt: number, controls: AttemptControls): Context {
    const { key, index } = this.itemOf(item);
    return this.host.contextOf(this.node, attempt, new ItemControls(controls, { key, index }), { key, index });
  }

  resultIn(returned: unknown): unknown {
    return returned;
  }

  outcomeOf(_: number, __: unknown, result: unknown): unknown {
    return result;
  }

  siteOf(item: number, attempt: number, options?: ErrorOptions): ErrorSite {
    const { name } = this.itemOf(item);
    return { ...this.host.siteOf(this.node, attempt, options), item: name };
  }

  execute(item: number, call: TracedCall, abort: LazyAbort, onStart: () => void): unknown {
    const { name } = this.itemOf(item);
    if (call.spec.subworkflow !== undefined) return this.host.executeWorkflow(this.node, call, abort, onStart, name);
    return this.host.execute(this.node, call, abort, onStart, this.trips, name);
  }

  nodeLimitOf(): Semaphore | undefined {
    return this.host.nodeLimitOf(this.node);
  }

  *checked(_: number, returned: unknown, __: readonly unknown[], check: (value: unknown) => Coroutine): Coroutine {
    return yield* check(returned);
  }

  canRetry(): boolean {
    return true;
  }

  callerOf(): Holder | undefined {
    return this.host.holderOf(this.node) ?? this.host.callerOf();
  }

  schedulerOf(): SlotSource | undefined {
    return this.host.schedulerOf(this.node);
  }

  callInside(item: number, call: InnerCall): Promise<unknown> {
    return this.host.callInside(this.node, call, this.itemOf(item).name);
  }

  runInside(): never {
    return refuseRunInside();
  }

  slotsOf(): Permits | undefined {
    return this.slots && this.host.slotsOf(this.node);
  }

  acquire(): PendingAcquire | undefined {
    return this.slots?.acquire();
  }

  release(): void {
    this.slots?.release();
  }

  attemptStarted(item: number, attempt: number): void {
    const started = this.itemOf(item);
    const isFirst = started.attempts === 0;
    started.attempts = attempt;
    if (isFirst) this.onStarted(started);
  }

  followed(item: number, attempt: number): AttemptTelemetry | undefined {
    return this.host.followed(this.node, attempt, item);
  }

  refreshing(item: number): RefreshTelemetry | undefined {
    return this.host.refreshing(this.node, item);
  }

  attemptFailed(item: number, attempt: number, error: unknown): void {
    const { key, index } = this.itemOf(item);
    this.host.itemAttemptFailed(this.node, { key, index }, attempt, error);
  }

  cacheHit(item: number): void {
    this.itemOf(item).isCached = true;
    this.host.countHit();
  }

  cacheMissed(): void {
    this.host.cacheMissed();
  }

  staleServed(item: number, error: unknown, storedAt: number): void {
    this.itemOf(item).isCached = true;
    this.host.staleServed(this.node, error, storedAt);
  }

  refreshFailed(_: number, error: unknown, failures: number, retryAt: number): void {
    this.host.refreshFailed(this.node, error, failures, retryAt);
  }

  circuitChanged(_: number, type: CircuitChange, key: string | undefined): void {
    this.host.circuitChanged(this.node, type, key);
  }

  barrier(): Promise<void> | undefined {
    return this.host.barrier();
  }

  progress(_: number, attempt: number, fraction: number, message: string | undefined): void {
    this.host.progress(this.node, attempt, fraction, message);
  }

  log(_: number, attempt: number, line: LogLine): void {
    this.host.log(this.node, attempt, line);
  }

  attemptsBefore(): number {
    return 0;
  }

  attemptsOf(item: number): number {
    return this.itemOf(item).attempts;
  }

  /** Called when an item waits: others, and other nodes, may start. */
  attemptPending(): void {
    this.host.pump();
  }

  fallbackUsed(): void {
    this.host.itemFallbackUsed();
  }

  notAttempted(): void {}

  /** For an item that is computed in the background, maybe after it has settled. */
  inBackground(item: number): AttemptHost {
    const host = Object.create(this) as { items: ReadonlyMap<number, MapItem> };
    host.items = new Map([[item, { ...this.itemOf(item) }]]);
    return host as MapHost;
  }

  private itemOf(item: number): MapItem {
    return this.items.get(item) as MapItem;
  }
}

/** The controls of an item's attempt. Contexts know the map's node, and attempts the item. */
class ItemControls implements AttemptControls {
  constructor(
    private readonly controls: AttemptControls,
    private readonly item: ItemPlace,
  ) {}

  get signal(): AbortSignal {
    return this.controls.signal;
  }

  progress(node: number, attempt: number, fraction: number, message: string | undefined): void {
    this.controls.progress(node, attempt, fraction, message);
  }

  log(node: number, attempt: number, line: LogLine): void {
    this.controls.log(node, attempt, { ...line, item: this.item });
  }

  runInside(_: number, attempt: number, workflow: unknown, options: ChildRunOptions): Promise<unknown> {
    return this.controls.runInside(this.item.index, attempt, workflow, options);
  }

  onRead(what: "inputs" | "results"): void {
    this.controls.onRead?.(what);
  }
}
