import type { Holder } from "../policies/holder.js";
import { Permits, type PermitQueue, type PermitWaiter } from "./permits.js";

/** The permits of a run inside another one, which owns them. */
export class InnerPermits extends Permits {
  /** How many permits this run uses. */
  private own = 0;
  private isClosed = false;

  constructor(
    private readonly owner: Permits,
    queue: PermitQueue,
    isOrdered: boolean,
  ) {
    super(Infinity, queue, isOrdered);
    owner.share();
  }

  override get slots(): Permits {
    return this.owner.slots;
  }

  override occupied(by: Holder): void {
    this.owner.occupied(by);
  }

  override vacated(by: Holder): void {
    this.owner.vacated(by);
  }

  override get isFull(): boolean {
    if (this.isClosed) return false;
    return this.places > 0 || (this.isOrdered && this.own > 0) || this.areTaken;
  }

  override get areTaken(): boolean {
    return !this.isClosed && this.owner.isFullFor(this.queue);
  }

  override isFullFor(waiter: PermitWaiter): boolean {
    return this.owner.isFullFor(waiter);
  }

  override share(): void {}

  override forget(waiter: PermitWaiter): void {
    this.owner.forget(waiter);
  }

  /** Takes no permit once the run is over, since it would never be released. */
  override take(): void {
    if (this.isClosed) return;
    this.own++;
    this.owner.take();
  }

  override release(): void {
    if (this.isClosed) return;
    this.own--;
    this.owner.release();
  }

  override close(): void {
    while (this.own > 0) this.release();
    this.isClosed = true;
    this.owner.forget(this.queue);
  }
}

/** The permits of one lane of a run in which a limit counts the nodes of all lanes. A node takes one of both. */
export class LanePermits extends Permits {
  /** @param all - those of all lanes */
  constructor(
    limit: number,
    queue: PermitQueue,
    private readonly all: Permits,
  ) {
    super(limit, queue);
    all.share();
  }

  /** The permits that are used up: those of the lane, or those of all lanes. */
  override get slots(): Permits {
    return super.areTaken ? this : this.all.slots;
  }

  override occupied(by: Holder): void {
    super.occupied(by);
    this.all.occupied(by);
  }

  override vacated(by: Holder): void {
    super.vacated(by);
    this.all.vacated(by);
  }

  override get areTaken(): boolean {
    return this.isFullFor(this.queue);
  }

  override isFullFor(waiter: PermitWaiter): boolean {
    return super.isFullFor(waiter) || this.all.isFullFor(waiter);
  }

  override forget(waiter: PermitWaiter): void {
    super.forget(waiter);
    this.all.forget(waiter);
  }

  override take(): void {
    super.take();
    this.all.take();
  }

  override release(): void {
    super.release();
    this.all.release();
  }

  override close(): void {
    this.all.close();
  }
}

const NO_QUEUE: PermitQueue = { enqueue: () => {}, wake: () => {} };

/** A single permit, for runs that take turns. */
export function inSequence(): SharedPermits {
  const shared = new SharedPermits();
  const one = new Permits(1, NO_QUEUE);
  shared.add("inline", one);
  shared.add(ALL, one);
  return shared;
}

/** Stands for the permits that count the nodes of all lanes. */
export const ALL = Symbol("all");

/** The permits that a run shares with the runs inside it, by lane. */
export class SharedPermits {
  private readonly byLane = new Map<unknown, Permits>();

  /** @param tracesAll - whether all nodes that use them are in the wait-for graph */
  constructor(readonly tracesAll = false) {}

  /** Adds the permits of the outermost run. @param lane - its backend, or the name of that, or {@link ALL} */
  add(lane: unknown, permits: Permits): void {
    this.byLane.set(lane, permits);
  }

  /** The permits of a run inside, for one lane. */
  of(lane: unknown, limit: number, queue: PermitQueue, isOrdered: boolean): Permits {
    let owner = this.byLane.get(lane);
    if (owner === undefined) {
      const all = this.byLane.get(ALL);
      owner = all === undefined || lane === ALL ? new Permits(limit, NO_QUEUE) : new LanePermits(limit, NO_QUEUE, all);
      this.byLane.set(lane, owner);
    }
    return new InnerPermits(owner, queue, isOrdered);
  }
}
