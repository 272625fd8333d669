import type { PendingAcquire } from "../../base/pending-acquire.js";
import type { Permits } from "../../engine/permits.js";

/** The slot of a group. */
interface Shared {
  readonly permits: Permits;
  /** How many nodes of the group run. */
  running: number;
  /** The wait for the slot. */
  pending: Promise<void> | undefined;
}

/** The slots of nodes in streams: those that run at the same time count as one, while any of them runs. */
export class StreamSlots {
  private readonly shared = new Map<number, Shared>();
  /** The groups that count to the slot of an outer run, by one of their nodes. */
  private readonly outward: ReadonlySet<number>;

  constructor(
    private readonly groups: ReadonlyMap<number, number>,
    outward: ReadonlySet<number>,
    private readonly permitsOf: (node: number) => Permits,
  ) {
    this.outward = new Set(Array.from(outward, (node) => this.groupOf(node)));
  }

  /** Acquires the slot that a group shares, at once or after a wait. */
  acquire(node: number): PendingAcquire | undefined {
    const group = this.groupOf(node);
    if (this.outward.has(group)) return undefined;
    let shared = this.shared.get(group);
    if (shared === undefined) {
      shared = { permits: this.permitsOf(node), running: 0, pending: undefined };
      this.shared.set(group, shared);
    }
    shared.running++;
    if (shared.pending !== undefined) return { granted: shared.pending, cancel: () => {} };
    if (shared.running > 1) return undefined;
    const pending = shared.permits.acquire(node);
    if (pending === undefined) return undefined;
    shared.pending = pending.granted.then(() => void (shared.pending = undefined));
    return { granted: shared.pending, cancel: () => pending.cancel() };
  }

  release(node: number): void {
    const shared = this.shared.get(this.groupOf(node));
    if (shared !== undefined && --shared.running === 0) shared.permits.release();
  }

  /** Whether a node of a node's group runs. */
  isRunning(node: number): boolean {
    const shared = this.shared.get(this.groupOf(node));
    return shared !== undefined && shared.running > 0;
  }

  private groupOf(node: number): number {
    return this.groups.get(node) ?? node;
  }
}
