/** What a node releases while it waits for runs inside, for items, or for room for its own. */
export interface Slot {
  /** Whether the node has settled, and can begin no more runs. */
  readonly hasSettled: boolean;
  /** Releases it. Called once more for each wait that begins meanwhile. */
  suspend(): void;
  /** Acquires it again when the last of these waits has ended. Returns a promise if that takes time. */
  resume(): Promise<unknown> | undefined;
}

/** The slot of a node, which may begin and end waits at any time, and settle while some of them are open. */
export abstract class NodeSlot implements Slot {
  /** The runs inside, and the items, that the node waits for. */
  private waits = 0;
  private isHeld = true;
  hasSettled = false;
  private acquiring: Promise<void> | undefined = undefined;

  /** Acquires the slot at once, or returns the wait for it. */
  protected abstract acquire(): Promise<unknown> | undefined;
  /** Releases what `acquire` acquired, and lets others have it at once. */
  protected abstract release(): void;

  suspend(): void {
    this.waits++;
    this.letGo();
  }

  resume(): Promise<unknown> | undefined {
    this.waits--;
    if (this.waits > 0 || this.hasSettled) return undefined;
    if (this.acquiring !== undefined) return this.acquiring;
    const pending = this.acquire();
    if (pending === undefined) this.isHeld = true;
    else this.acquiring = this.whenAcquired(pending);
    return this.acquiring;
  }

  /** The node has settled. Returns whether it holds the slot. */
  settle(): boolean {
    this.hasSettled = true;
    const { isHeld } = this;
    this.isHeld = false;
    return isHeld;
  }

  private async whenAcquired(pending: Promise<unknown>): Promise<void> {
    try {
      await pending;
      this.isHeld = true;
    } finally {
      this.acquiring = undefined;
    }
    // Another run inside may have begun meanwhile, and may need the slot.
    if (this.waits > 0 || this.hasSettled) this.letGo();
  }

  private letGo(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.release();
  }
}

/** The slot of a state that has none. */
export const NO_SLOT: Slot = Object.freeze({ hasSettled: false, suspend: () => {}, resume: () => undefined });

/** The slot of a node that has settled. */
export const SETTLED_SLOT: Slot = Object.freeze({ ...NO_SLOT, hasSettled: true });

/**
 * Waits for a run inside without holding a slot, which the run inside may need. While several of them run, the node
 * goes on without one.
 */
export async function withoutSlot<T>(slot: Slot, work: () => T | Promise<T>): Promise<T> {
  slot.suspend();
  try {
    return await work();
  } finally {
    const resumed = slot.resume();
    if (resumed !== undefined) await resumed;
  }
}
