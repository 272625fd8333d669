import type { Waiting } from "../base/waiting.js";

/** What nodes hold, and others wait for: a key, the slots of a scheduler, a cache entry that is being computed. */
export interface Resource {
  readonly label: string;
  /** Who holds it; it is let go of when any of them does. */
  holders(): Iterable<Holder>;
}

/** A place in the line for a resource. */
export interface Line extends Waiting {
  readonly resource: Resource;
}

/** A node that holds what others may wait for, or waits for that itself. */
export class Holder {
  /** Its function or its hooks are being called. */
  isCalling = false;
  /** What it waits for, and what nodes of runs that it has begun do. */
  private lazyAwaited: Map<Holder, Resource> | undefined;

  /**
   * @param place - names it
   * @param caller - the one that has begun its run
   */
  constructor(
    private readonly place: () => string,
    readonly caller: Holder | undefined,
  ) {}

  get label(): string {
    return this.place();
  }

  get awaited(): ReadonlyMap<Holder, Resource> {
    return this.lazyAwaited ?? NOTHING;
  }

  /** It is in line for a resource. */
  wait(resource: Resource): void {
    this.awaits(this, resource);
    for (let { caller } = this; caller !== undefined; { caller } = caller) caller.awaits(this, resource);
  }

  /** It has got it, or has left the line. */
  waited(): void {
    this.lazyAwaited?.delete(this);
    for (let { caller } = this; caller !== undefined; { caller } = caller) caller.lazyAwaited?.delete(this);
  }

  isOnBehalfOf(other: Holder): boolean {
    for (let { caller } = this; caller !== undefined; { caller } = caller) if (caller === other) return true;
    return false;
  }

  private awaits(waiter: Holder, resource: Resource): void {
    (this.lazyAwaited ??= new Map()).set(waiter, resource);
  }
}

const NOTHING: ReadonlyMap<Holder, Resource> = new Map();

/**
 * Whether `waiter` would wait for ever for a resource: all who hold it wait themselves, in the end for what is held on the way
 * to `waiter`. Gives who holds what, a line each; undefined when somebody can let go.
 *
 * A run that a node has begun counts as one that the node waits for. Cost: O(1) where a holder waits for nothing.
 */
export function circleOf(waiter: Holder, resource: Resource): string[] | undefined {
  const isOurs = (holder: Holder) => holder === waiter || waiter.isOnBehalfOf(holder);
  for (const holder of resource.holders()) if (holder.awaited.size === 0 && !isOurs(holder)) return undefined;
  const stuck = new Set([resource]);
  for (const reached of stuck) {
    for (const holder of reached.holders()) {
      if (!isOurs(holder)) for (const awaited of holder.awaited.values()) stuck.add(awaited);
    }
  }
  const waitsFor = (holder: Holder) => [...holder.awaited.values()].find((awaited) => stuck.has(awaited));
  const isFree = (held: Resource) => {
    for (const holder of held.holders()) if (!isOurs(holder) && waitsFor(holder) === undefined) return true;
    return false;
  };
  for (let size = 0; size !== stuck.size;) {
    size = stuck.size;
    for (const held of stuck) if (isFree(held)) stuck.delete(held);
    if (!stuck.has(resource)) return undefined;
  }
  return storyOf(resource, isOurs, waitsFor);
}

function storyOf(
  resource: Resource,
  isOurs: (holder: Holder) => boolean,
  waitsFor: (holder: Holder) => Resource | undefined,
): string[] {
  const told = new Set([resource]);
  const lines: string[] = [];
  for (const held of told) {
    const holders = [...held.holders()];
    const holder = holders.find(isOurs) ?? holders[0];
    const awaited = isOurs(holder) ? undefined : waitsFor(holder);
    lines.push(`${held.label} is held by ${holder.label}, which waits for ${awaited?.label ?? "this node"}`);
    if (awaited !== undefined) told.add(awaited);
  }
  return lines;
}
