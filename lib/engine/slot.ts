/** What a node gives back while it waits for runs inside. */
export interface Slot {
  /** Releases it. Called once more for each run inside that begins meanwhile. */
  suspend(): void;
  /** Acquires it again when the last of these runs has ended; undefined if it is not to be waited for. */
  resume(): Promise<unknown> | undefined;
}

/**
 * Waits for a run inside without holding a slot, which the run inside may need. While several of them run, the node
 * goes on without one.
 */
export async function withoutSlot<T>(slot: Slot, work: () => Promise<T>): Promise<T> {
  slot.suspend();
  try {
    return await work();
  } finally {
    await slot.resume();
  }
}
