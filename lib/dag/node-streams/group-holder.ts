import { Holder, type Resource } from "../../policies/holder.js";

/**
 * A group in the wait-for graph, which stands for the nodes that share a slot. When each of them waits, it waits for what
 * any of them waits for: before, one of them works, and may come to let go. All of them wait for what it waits for.
 */
export class GroupHolder extends Holder {
  private readonly sharers = new Set<Holder>();
  private awaited: Resource | undefined = undefined;

  /** How many share the slot, or wait for it. */
  get size(): number {
    return this.sharers.size;
  }

  override get isWaiting(): boolean {
    return this.awaited !== undefined;
  }

  override get waits(): readonly Resource[] {
    const waits = Array.from(this.sharers, (sharer) => sharer.waits);
    return waits.every(({ length }) => length > 0) ? waits.flat() : [];
  }

  override contains(waiter: Holder): boolean {
    let contains = false;
    for (const sharer of this.sharers) {
      if (sharer.contains(waiter)) contains = true;
      else if (sharer.waits.length === 0) return false;
    }
    return contains;
  }

  join(sharer: Holder): void {
    this.sharers.add(sharer);
    if (this.awaited !== undefined) sharer.startWaiting(this.awaited);
  }

  leave(sharer: Holder): void {
    this.sharers.delete(sharer);
    if (this.awaited !== undefined) sharer.stopWaiting();
  }

  override startWaiting(resource: Resource): void {
    this.awaited = resource;
    super.startWaiting(resource);
    for (const sharer of this.sharers) sharer.startWaiting(resource);
  }

  override stopWaiting(): void {
    this.awaited = undefined;
    super.stopWaiting();
    for (const sharer of this.sharers) sharer.stopWaiting();
  }
}
