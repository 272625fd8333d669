import { abandon, drive, pendingOf, whenSettled } from "../../base/coroutine.js";
import { deferred, type Deferred } from "../../base/deferred.js";
import { nextTurn } from "../../base/event-loop.js";
import type { Trips } from "../../backends/runner.js";
import type { MapSettings } from "../../definition/specs/map-options.js";
import { Attempts } from "../../engine/attempts.js";
import { isPause } from "../../run/pause.js";
import { WiringFault } from "../arguments.js";
import { DurabilityBarrier } from "../durability-barrier.js";
import type { DagHost } from "../host.js";
import { collectionOf, type Collection } from "./collection.js";
import type { Channel } from "../../engine/channel.js";
import type { Permits } from "../../engine/permits.js";
import { GroupPermits } from "../node-streams/group-permits.js";
import { Folding, Listing, Passing, passTo } from "./gathering.js";
import { ItemOutcomes } from "./item-outcomes.js";
import { ItemSlots } from "./item-slots.js";
import { MapHost, type MapItem, type MappingRun } from "./map-host.js";
import { plainCallOf, type ItemCall } from "./plain-call.js";

/** How many items of an async iterable are in flight, unless the map says otherwise. */
const ASYNC_CONCURRENCY = 16;

/** An item whose start waits to be durable. */
interface StartedItem {
  readonly index: number;
  readonly value: unknown;
}

/**
 * Runs a map: reads its collection, and attempts each item with all policies of the node. Outcomes go to
 * `item-outcomes.ts`.
 *
 * The map itself takes no permit, its items do; in mode `sequential` it takes one for all of them, if they are plain
 * calls. The next item is read when one may start. As with nodes, an item without options, hooks and context is a plain
 * call; any other is a coroutine of policies.
 *
 * A failure ends the map at once: items in flight are aborted, and their outcomes dropped. A pause, of an item or of the
 * run, lets them finish, and starts no more; a map in a stream, whose nodes run again together, goes on to its end.
 */
export class MapRun {
  private readonly settings: MapSettings;
  private readonly items: MapHost;
  private readonly attempts: Attempts;
  /** The permits of the items. */
  private readonly permits: Permits;
  /** Undefined where items take no permits: of workflows, whose nodes take them, and of a map that has one for all. */
  private readonly slots: ItemSlots | undefined;
  private readonly collection: Collection;
  /** Calls an item that needs no policies. */
  private readonly plainCall: ItemCall | undefined;
  private readonly gathering: Listing | Folding | Passing;
  private readonly outcomes: ItemOutcomes;
  /** Takes the results to the nodes that stream them. */
  private readonly channel: Channel | undefined;
  /** Whether no consumer of the results is left. */
  isAbandoned = false;
  private readonly limit: number;
  /** Whether items are left, since the run pauses. */
  isHalfway = false;
  private failure: { readonly error: unknown } | undefined;
  /** The number of items read. */
  private read = 0;
  /** Whether the item that was read last has not started. */
  private hasNext = false;
  /** How many items are in flight. */
  inFlight = 0;
  private isAtEnd = false;
  private isReading = false;
  private awaitsTurn = false;
  /** In a recorded run: plain items that have started and wait for the store. */
  private barred: DurabilityBarrier<StartedItem> | undefined = undefined;
  private done: Deferred<unknown> | undefined;

  /** @throws {WiringFault} when there is no collection to map */
  constructor(
    private readonly run: MappingRun,
    private readonly host: DagHost,
    private readonly node: number,
  ) {
    const { name, map, subworkflow } = host.specOf(node);
    this.settings = map as MapSettings;
    const { streams } = run;
    this.channel = streams?.channelOf(node);
    this.items = new MapHost(host, node, (item) => this.outcomes.started(item.index, item.attempts));
    this.attempts = new Attempts(this.items);
    this.collection = collectionOf(this.items.collection, name);
    this.plainCall = plainCallOf(run, this.items, node);
    this.permits = this.newPermits();
    this.slots = subworkflow === undefined && !this.ownsPermit ? this.newSlots() : undefined;
    this.items.slots = this.slots;
    this.gathering = this.newGathering();
    this.outcomes = new ItemOutcomes(run, host, node, this.collection, this.gathering);
    const unbounded = subworkflow === undefined ? Infinity : run.concurrency;
    const { concurrency = this.collection.isAsync ? ASYNC_CONCURRENCY : unbounded } = this.settings;
    this.limit = run.isSequential ? 1 : concurrency;
    if (!run.isSequential) this.items.trips = this.newTrips();
    if (run.sync && this.collection.isAsync) {
      throw new WiringFault(`Map "${name}" needs an async iterable, which runSync can't wait for. Use run instead.`);
    }
  }

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
  private get share(): number {
    const size = this.items.trips?.size ?? 1;
    return size === 1 || this.collection.isAsync ? 1 : 2 * size;
  }

  /** Trips for the items, if sending them costs something. */
  private newTrips(): Trips | undefined {
    const { calls } = this.run;
    if (calls === undefined || this.host.specOf(this.node).subworkflow !== undefined) return undefined;
    return calls.newTrips(this.node, this.settings.batch, () => Math.min(this.limit, this.slots?.held ?? Infinity));
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

  /** Runs all items. Returns the result, or a promise of it. */
  execute(): unknown {
    if (this.ownsPermit) this.permits.take();
    if (this.channel !== undefined) this.run.streams?.begin(this.node, () => this.abandon());
    this.startItems();
    if (this.isDone) return this.endedWith();
    this.done = deferred();
    return this.done.promise;
  }

  /** Whether the map has a permit for all of its items, which never wait. */
  private get ownsPermit(): boolean {
    return this.run.isSequential && this.plainCall !== undefined && !this.isInStream;
  }

  /** Stops, since no consumer of the results is left. */
  private abandon(): void {
    this.isAbandoned = true;
    this.interrupt(new Error("No consumer of the results is left."));
    this.settle();
  }

  /** Starts no more items: the run pauses. */
  pause(): void {
    if (this.isAtEnd || this.isInStream) return;
    this.isHalfway = this.hasNext || this.read !== this.collection.size;
    this.stopReading();
    this.settle();
  }

  private get isInStream(): boolean {
    return this.run.streams?.isMember(this.node) === true;
  }

  /** Ends all items in flight. Returns whether the run has to wait for any of them. */
  interrupt(reason: unknown): boolean {
    this.stopReading();
    if (this.plainCall === undefined) return this.attempts.interrupt(reason);
    for (; this.inFlight > 0; this.inFlight--) this.slots?.release();
    return false;
  }

  /** Whether the map has been interrupted, so that outcomes no longer matter. */
  private get isInterrupted(): boolean {
    return this.failure !== undefined || this.isAbandoned || this.run.isOver;
  }

  private get isDone(): boolean {
    if (this.failure !== undefined || this.isAbandoned) return true;
    return this.isAtEnd && this.inFlight === 0 && !this.gathering.isBusy;
  }

  /** Goes on after something has ended. */
  private proceed(): void {
    try {
      this.startItems();
      this.settle();
      this.run.pump();
    } catch (fault) {
      this.run.life.failInternally(fault);
    }
  }

  private settle(): void {
    const { done } = this;
    if (done === undefined || !this.isDone || this.run.isOver) return;
    this.done = undefined;
    try {
      done.resolve(this.endedWith());
    } catch (error) {
      done.reject(error);
    }
  }

  // --- reading ---

  /** Starts items as far as possible. */
  private startItems(): void {
    if (this.isReading || this.awaitsTurn) return;
    this.isReading = true;
    let reading: Promise<unknown> | undefined;
    try {
      reading = this.readOn();
    } catch (error) {
      this.fail(error);
    }
    if (reading !== undefined) this.resumeAfter(reading);
    else {
      this.isReading = false;
      this.slots?.dropSpare();
    }
    if (this.awaitsTurn) this.run.pump();
  }

  /** Goes on when a promise has settled, unless the map no longer waits for it. */
  private resumeAfter(reading: Promise<unknown>): void {
    const resume = (settle: () => void) => {
      if (!this.isReading) return;
      this.isReading = false;
      settle();
      this.proceed();
    };
    whenSettled(
      reading,
      () => resume(() => {}),
      (error) => resume(() => this.fail(error)),
    );
  }

  /** Starts items until it has to wait. Returns a promise to wait for, or undefined if the map is resumed otherwise. */
  private readOn(): Promise<unknown> | undefined {
    const { collection, gathering, slots, run } = this;
    while (!this.isAtEnd) {
      if (run.isOver) return this.stopReading();
      if (!this.hasNext) {
        if ((this.inFlight >= this.limit && this.inFlight >= this.limit * this.share) || gathering.isFull) {
          return undefined;
        }
        const turn = run.sync ? undefined : nextTurn();
        if (turn !== undefined) return turn;
        if (slots?.isFree === false) return this.awaitTurn(slots);
        const advanced = collection.advance();
        if (typeof advanced !== "boolean") {
          slots?.dropSpare();
          return advanced.then((hasNext) => this.advanced(hasNext));
        }
        this.advanced(advanced);
      } else if (slots?.isFree === false) {
        return this.awaitTurn(slots);
      } else {
        this.hasNext = false;
        this.start(this.read++, collection.value);
      }
    }
    return undefined;
  }

  private advanced(hasNext: boolean): void {
    if (!this.isReading) return;
    this.hasNext = hasNext;
    if (!hasNext) this.isAtEnd = true;
    else if (this.collection.size === undefined) this.outcomes.found(this.read + 1);
  }

  private awaitTurn(slots: ItemSlots): undefined {
    if (slots.isShared) return;
    this.awaitsTurn = true;
    slots.whenFree(() => {
      this.awaitsTurn = false;
      if (this.isAtEnd) slots.dropSpare();
      else this.proceed();
    });
  }

  /** Reads no more, and no longer waits for what is being read. */
  private stopReading(): undefined {
    this.isAtEnd = true;
    this.isReading = false;
    this.slots?.dropSpare();
    this.collection.close();
  }

  // --- items ---

  private start(index: number, value: unknown): void {
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
  private fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = { error };
    this.interrupt(error);
  }

  // --- the result ---

  /** The result. The next node may start in mode `sequential`. */
  private endedWith(): unknown {
    if (this.ownsPermit) this.permits.release();
    try {
      const result = this.result();
      this.channel?.close({ failed: false });
      return result;
    } catch (error) {
      this.channel?.close({ failed: true, error });
      throw error;
    }
  }

  private result(): unknown {
    if (this.failure !== undefined) throw this.failure.error;
    return this.outcomes.result(this);
  }
}
