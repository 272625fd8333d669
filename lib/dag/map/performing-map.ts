import { abandon, drive, pendingOf, whenSettled } from "../../base/coroutine.js";
import { nextTurn } from "../../base/event-loop.js";
import type { MapSettings } from "../../definition/specs/map-options.js";
import { Attempts } from "../../engine/attempts.js";
import type { Channel } from "../../engine/channel.js";
import type { Permits } from "../../engine/permits.js";
import { isPause } from "../../run/pause.js";
import { WiringFault } from "../arguments.js";
import { DurabilityBarrier } from "../durability-barrier.js";
import type { DagHost } from "../host.js";
import { GroupPermits } from "../node-streams/group-permits.js";
import { collectionOf, type Collection } from "./collection.js";
import { Folding, Listing, Passing, passTo } from "./gathering.js";
import { ItemOutcomes } from "./item-outcomes.js";
import { ItemSlots } from "./item-slots.js";
import { MapHost, type MapItem, type MappingRun } from "./map-host.js";
import { plainCallOf, type ItemCall } from "./plain-call.js";

/** An item whose start waits to be durable. */
interface StartedItem {
  readonly index: number;
  readonly value: unknown;
}

/**
 * Performs the items of a map, each from its start to its outcome. As with nodes, an item without options, hooks and
 * context is a plain call; any other is a coroutine of policies. Outcomes go to `item-outcomes.ts`.
 *
 * The map itself takes no permit, its items do; in mode `sequential` it takes one for all of them, if they are plain
 * calls.
 */
export abstract class PerformingMap {
  protected readonly settings: MapSettings;
  protected readonly items: MapHost;
  protected readonly attempts: Attempts;
  /** The permits of the items. */
  protected readonly permits: Permits;
  /** Undefined where items take no permits: of workflows, whose nodes take them, and of a map that has one for all. */
  protected readonly slots: ItemSlots | undefined;
  protected readonly collection: Collection;
  /** Calls an item that needs no policies. */
  protected readonly plainCall: ItemCall | undefined;
  protected readonly gathering: Listing | Folding | Passing;
  protected readonly outcomes: ItemOutcomes;
  /** Takes the results to the nodes that stream them. */
  protected readonly channel: Channel | undefined;
  /** Whether no consumer of the results is left. */
  isAbandoned = false;
  protected failure: { readonly error: unknown } | undefined;
  /** How many items are in flight. */
  inFlight = 0;
  /** In a recorded run: plain items that have started and wait for the store. */
  private barred: DurabilityBarrier<StartedItem> | undefined = undefined;

  /** @throws {WiringFault} when there is no collection to map */
  constructor(
    protected readonly run: MappingRun,
    protected readonly host: DagHost,
    protected readonly node: number,
  ) {
    const { name, map, subworkflow } = host.specOf(node);
    this.settings = map as MapSettings;
    this.channel = run.streams?.channelOf(node);
    this.items = new MapHost(host, node, (item) => this.outcomes.started(item.index, item.attempts));
    this.attempts = new Attempts(this.items);
    this.collection = collectionOf(this.items.collection, name);
    this.plainCall = plainCallOf(run, this.items, node);
    this.permits = this.newPermits();
    this.slots = subworkflow === undefined && !this.ownsPermit ? this.newSlots() : undefined;
    this.items.slots = this.slots;
    this.gathering = this.newGathering();
    this.outcomes = new ItemOutcomes(run, host, node, this.collection, this.gathering);
  }

  /** Goes on after something has ended. */
  protected abstract proceed(): void;
  /** Reads no more, and no longer waits for what is being read. */
  protected abstract stopReading(): void;
  /** Ends all items in flight. Returns whether the run has to wait for any of them. */
  abstract interrupt(reason: unknown): boolean;

  private newPermits(): Permits {
    const { run, node } = this;
    const group = run.streams?.groupOf(node);
    if (group !== undefined) return group.permits;
    return run.isSequential && !this.ownsPermit ? new GroupPermits(run.permitsOf(node), node) : run.permitsOf(node);
  }

  private newSlots(): ItemSlots {
    const { run, node, permits } = this;
    // Those of a group, and of a map in sequence, don't queue up with other nodes.
    const isContended = permits instanceof GroupPermits ? () => false : () => run.hasWaiting;
    return new ItemSlots(permits, node, isContended, () => this.share);
  }

  /** How many items to start per free permit: enough for one trip, and for the next. */
  protected get share(): number {
    const size = this.items.trips?.size ?? 1;
    return size === 1 || this.collection.isAsync ? 1 : 2 * size;
  }

  private newGathering(): Listing | Folding | Passing {
    const { reduce } = this.settings;
    const { channel } = this;
    const onProgress = () => this.proceed();
    const onError = (error: unknown) => this.fail(error);
    if (reduce !== undefined) return new Folding(reduce, onProgress, onError);
    if (channel === undefined) return new Listing();
    const keeps = this.run.streams?.keeps(this.node) === true;
    const pass = passTo(channel, { flattens: this.settings.flatten === true, isSequential: this.run.isSequential });
    return new Passing(pass, keeps, onProgress, onError);
  }

  /** Whether the map has a permit for all of its items, which never wait. */
  protected get ownsPermit(): boolean {
    return this.run.isSequential && this.plainCall !== undefined && !this.isInStream;
  }

  protected get isInStream(): boolean {
    return this.run.streams?.isMember(this.node) === true;
  }

  /** Whether the map has been interrupted, so that outcomes no longer matter. */
  protected get isInterrupted(): boolean {
    return this.failure !== undefined || this.isAbandoned || this.run.isOver;
  }

  // --- items ---

  protected start(index: number, value: unknown): void {
    this.gathering.expect();
    const earlier = this.run.state.facts.earlierItems.get(this.node)?.get(index);
    if (earlier !== undefined) return this.outcomes.keep(index, earlier.value);
    const { provide } = this.run;
    if (provide !== undefined) {
      const name = this.outcomes.nameOf(index);
      if (Object.hasOwn(provide, name)) return this.provided(index, provide[name]);
    }
    this.inFlight++;
    if (this.plainCall === undefined) this.attempt(index, value);
    else this.begin(this.plainCall, index, value);
    this.slots?.dropSpare();
  }

  /** Completes an item that had paused with the value that it was given. */
  private provided(index: number, value: unknown): void {
    this.outcomes.started(index, 1);
    this.outcomes.completed(index, value, false);
  }

  /** Starts an item without policies, and calls its function when the start is durable. */
  private begin(plain: ItemCall, index: number, value: unknown): void {
    const { run } = this;
    this.slots?.take();
    if (run.emitter !== undefined) {
      this.outcomes.started(index, 1);
      if (this.isInterrupted) return;
    }
    const barrier = run.barrier();
    if (barrier === undefined) this.call(plain, index, value);
    else (this.barred ??= new DurabilityBarrier(() => this.callDurable(plain))).add({ index, value }, barrier);
  }

  /** Calls the function for the items whose start is durable. */
  private callDurable(plain: ItemCall): void {
    const barred = this.barred as DurabilityBarrier<StartedItem>;
    try {
      while (!barred.isEmpty && !this.isInterrupted) {
        const turn = nextTurn();
        if (turn !== undefined) return void turn.then(() => this.callDurable(plain));
        const { index, value } = barred.take();
        this.call(plain, index, value);
      }
    } catch (fault) {
      return this.run.life.failInternally(fault);
    }
    this.proceed();
  }

  /** Calls the function for an item, without policies. */
  private call(plain: ItemCall, index: number, value: unknown): void {
    let returned: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      returned = plain.call(value);
      pending = pendingOf(returned);
    } catch (error) {
      return this.callFailed(index, error);
    }
    if (this.isInterrupted) return void (pending && abandon(pending));
    if (pending === undefined) return this.completed(index, returned, false);
    if (this.run.sync) return this.refusePromise(index, pending);
    whenSettled(
      pending,
      (result) => {
        if (this.isInterrupted) return;
        this.completed(index, result, false);
        this.proceed();
      },
      (error) => {
        if (this.isInterrupted) return;
        this.callFailed(index, error);
        this.proceed();
      },
    );
  }

  private callFailed(index: number, error: unknown): void {
    if (this.isInterrupted) return;
    if (this.run.emitter !== undefined && !isPause(error)) {
      this.host.itemAttemptFailed(this.node, { key: this.collection.keyOf(index), index }, 1, error);
      if (this.isInterrupted) return;
    }
    this.failed(index, error, 1);
  }

  /** Runs an item with all its policies. */
  private attempt(index: number, value: unknown): void {
    const { items, collection } = this;
    const name = this.outcomes.nameOf(index);
    const item: MapItem = { index, key: collection.keyOf(index), value, name, attempts: 0, isCached: false };
    items.items.set(index, item);
    let work: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      work = drive(this.attempts.run(index));
      pending = pendingOf(work);
    } catch (error) {
      return this.attemptFailed(item, error);
    }
    if (pending === undefined) return this.attemptCompleted(item, work);
    if (this.run.sync) return this.refusePromise(index, pending);
    whenSettled(
      pending,
      (result) => {
        this.attemptCompleted(item, result);
        this.proceed();
      },
      (error) => {
        this.attemptFailed(item, error);
        this.proceed();
      },
    );
  }

  private attemptCompleted({ index, isCached }: MapItem, result: unknown): void {
    this.items.items.delete(index);
    if (!this.isInterrupted) this.completed(index, result, isCached);
  }

  private attemptFailed({ index, attempts }: MapItem, error: unknown): void {
    this.items.items.delete(index);
    if (!this.isInterrupted) this.failed(index, error, attempts);
  }

  private refusePromise(index: number, pending: Promise<unknown>): void {
    abandon(pending);
    const { obstacle } = this.attempts;
    const message = `Node "${this.outcomes.nameOf(index)}" ${obstacle}, which runSync can't wait for. Use run instead.`;
    this.failed(index, new WiringFault(message), 1);
  }

  // --- outcomes of items ---

  private completed(index: number, result: unknown, cached: boolean): void {
    this.ended();
    this.outcomes.completed(index, result, cached);
  }

  private failed(index: number, thrown: unknown, attempts: number): void {
    this.ended();
    if (isPause(thrown)) {
      this.stopReading();
      if (this.outcomes.paused(index, thrown)) this.run.pause();
      return;
    }
    const error = this.outcomes.failed(index, thrown, attempts);
    if (error !== undefined) this.fail(error);
  }

  /** An item is no longer in flight. */
  private ended(): void {
    this.inFlight--;
    if (this.plainCall !== undefined) this.slots?.release();
  }

  /** Fails the map, and aborts the items in flight. */
  protected fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = { error };
    this.interrupt(error);
  }
}
