import { Holder, type Resource } from "../../policies/holder.js";

/**
 * A group in the wait-for graph, which stands for the nodes that share a slot: it waits for what any of them waits for,
 * and all of them wait for what it waits for.
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
    return Array.from(this.sharers).flatMap(({ waits }) => waits);
  }

  override contains(waiter: Holder): boolean {
    return Array.from(this.sharers).some((sharer) => sharer.contains(waiter));
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
