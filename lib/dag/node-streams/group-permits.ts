import type { PendingAcquire } from "../../base/pending-acquire.js";
import { Permits } from "../../engine/permits.js";
import { isStuck } from "../../policies/deadlock.js";
import type { Holder } from "../../policies/holder.js";
import { GroupHolder } from "./group-holder.js";

const NO_QUEUE = { enqueue: () => {}, wake: () => {} };

/**
 * The permit that nodes which run at the same time, and the items of their maps, share. The group holds it as long as
 * any of them does more than wait. Each takes a share of it, as other nodes take a permit.
 */
export class GroupPermits extends Permits {
  /** How many have a share, or wait for one. */
  private shares = 0;
  private isHeld = false;
  private pending: PendingAcquire | undefined = undefined;
  /** Those in the wait-for graph that have a share. */
  private readonly group = new GroupHolder(() => "nodes of a stream", undefined);

  /** @param node - the one that stands for the group in the run's queue */
  constructor(
    private readonly run: Permits,
    private readonly node: number,
  ) {
    super(1, NO_QUEUE);
  }

  /** Whether a node of the group has started, and not settled. */
  get isUsed(): boolean {
    return this.places > 0;
  }

  override get slots(): Permits {
    return this.run.slots;
  }

  override occupied(by: Holder): void {
    if (this.group.size === 0) this.run.occupied(this.group);
    this.group.join(by);
  }

  override vacated(by: Holder): void {
    this.group.leave(by);
    if (this.group.size === 0) return this.run.vacated(this.group);
    // The rest of the group may only wait, for work of others that has no permit.
    if (isStuck(this.slots)) this.slots.letGo();
  }

  override get isFull(): boolean {
    return !this.isHeld && (this.pending !== undefined || this.run.areTaken);
  }

  override take(): void {
    this.acquire();
  }

  override acquire(): PendingAcquire | undefined {
    this.shares++;
    if (!this.isHeld) this.pending ??= this.begin();
    return this.pending && { granted: this.pending.granted, cancel: () => this.release() };
  }

  override wait(_: number, granted: () => void): void {
    const pending = this.acquire();
    if (pending === undefined) granted();
    else void pending.granted.then(granted);
  }

  override release(): void {
    if (--this.shares > 0) return;
    if (this.isHeld) this.run.release();
    else this.pending?.cancel();
    this.isHeld = false;
    this.pending = undefined;
  }

  override keepPlace(): void {
    if (this.places++ === 0) this.run.keepPlace();
  }

  override leavePlace(): void {
    if (--this.places === 0) this.run.leavePlace();
  }

  /** Acquires the permit of the run. */
  private begin(): PendingAcquire | undefined {
    const acquired = this.run.acquire(this.node);
    this.isHeld = acquired === undefined;
    if (acquired === undefined) return undefined;
    const granted = acquired.granted.then(() => {
      if (this.pending !== pending) return;
      this.isHeld = true;
      this.pending = undefined;
    });
    const pending: PendingAcquire = { granted, cancel: () => acquired.cancel() };
    return pending;
  }
}
