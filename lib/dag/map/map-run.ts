import type { Trips } from "../../backends/runner.js";
import { whenSettled } from "../../base/coroutine.js";
import { deferred, type Deferred } from "../../base/deferred.js";
import { nextTurn } from "../../base/event-loop.js";
import { WiringFault } from "../arguments.js";
import type { DagHost } from "../host.js";
import type { ItemSlots } from "./item-slots.js";
import type { MappingRun } from "./map-host.js";
import { PerformingMap } from "./performing-map.js";

/** How many items of an async iterable are in flight, unless the map says otherwise. */
const ASYNC_CONCURRENCY = 16;

/**
 * Runs a map: reads its collection, and starts its items, which `performing-map.ts` performs. The next item is read when
 * one may start.
 *
 * A failure ends the map at once: items in flight are aborted, and their outcomes dropped. A pause, of an item or of the
 * run, lets them finish, and starts no more; a map in a stream, whose nodes run again together, goes on to its end.
 */
export class MapRun extends PerformingMap {
  private readonly limit: number;
  /** Whether items are left, since the run pauses. */
  isHalfway = false;
  /** The number of items read. */
  private read = 0;
  /** Whether the item that was read last has not started. */
  private hasNext = false;
  private isAtEnd = false;
  private isReading = false;
  private awaitsTurn = false;
  private done: Deferred<unknown> | undefined;

  /** @throws {WiringFault} when there is no collection to map, or none that this run can wait for */
  constructor(run: MappingRun, host: DagHost, node: number) {
    super(run, host, node);
    const { name, subworkflow } = host.specOf(node);
    const unbounded = subworkflow === undefined ? Infinity : run.concurrency;
    const { concurrency = this.collection.isAsync ? ASYNC_CONCURRENCY : unbounded } = this.settings;
    this.limit = run.isSequential ? 1 : concurrency;
    if (!run.isSequential) this.items.trips = this.newTrips();
    if (run.sync && this.collection.isAsync) {
      throw new WiringFault(`Map "${name}" needs an async iterable, which runSync can't wait for. Use run instead.`);
    }
  }

  /** Trips for the items, if sending them costs something. */
  private newTrips(): Trips | undefined {
    const { calls } = this.run;
    if (calls === undefined || this.host.specOf(this.node).subworkflow !== undefined) return undefined;
    return calls.newTrips(this.node, this.settings.batch, () => Math.min(this.limit, this.slots?.held ?? Infinity));
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

  interrupt(reason: unknown): boolean {
    this.stopReading();
    if (this.plainCall === undefined) return this.attempts.interrupt(reason);
    for (; this.inFlight > 0; this.inFlight--) this.slots?.release();
    return false;
  }

  private get isDone(): boolean {
    if (this.failure !== undefined || this.isAbandoned) return true;
    return this.isAtEnd && this.inFlight === 0 && !this.gathering.isBusy;
  }

  protected proceed(): void {
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

  protected stopReading(): undefined {
    this.isAtEnd = true;
    this.isReading = false;
    this.slots?.dropSpare();
    this.collection.close();
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
