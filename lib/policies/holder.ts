import type { PendingAcquire } from "../base/pending-acquire.js";

/**
 * A resource that some nodes hold and others wait for: a concurrency key, a scheduler's slots, a cached result being
 * computed.
 */
export interface Resource {
  /** Its name in messages. */
  readonly label: string;
  /** A waiter gets its turn when one of them releases. */
  holders(): Iterable<Holder>;
  /** Whether holders lend it to the runs that they begin. */
  readonly isLent?: boolean;
  /** Lets those that wait for it go, if `holder` holds it, or all do, and can do without them. Returns whether it does. */
  letGo?(holder: Holder): boolean;
}

/** The wait for a permit of a resource. */
export interface ResourceAcquire extends PendingAcquire {
  readonly resource: Resource;
}

/** What nodes wait for before they run: a scheduler, or what shares one of its slots. */
export interface SlotSource {
  /** Acquires a slot at once, or returns the wait for one. @throws {QueueFull} */
  acquire(priority: number, holder: Holder): ResourceAcquire | undefined;
  release(holder: Holder): void;
}

/** A node that may hold resources, and wait for one: a vertex of the wait-for graph. */
export class Holder {
  /** Whether runs that its function or hooks begin are traced to it. */
  isTracked = false;
  private lazyWaits: Map<Holder, Resource> | undefined;

  /**
   * @param describe - names it in messages
   * @param caller - the node that began its run
   * @param streamWaits - its waits in streams
   */
  constructor(
    private readonly describe: () => string,
    readonly caller: Holder | undefined,
    private readonly streamWaits?: () => Iterable<Resource>,
  ) {}

  get label(): string {
    return this.describe();
  }

  /** Its own waits, and the waits of nodes in runs that it began, directly or through other runs. */
  get waits(): readonly Resource[] {
    const { lazyWaits, streamWaits } = this;
    if (streamWaits === undefined && (lazyWaits === undefined || lazyWaits.size === 0)) return NO_WAITS;
    return [...(lazyWaits?.values() ?? []), ...(streamWaits?.() ?? [])];
  }

  /** Whether `waiter` is it, or a node in a run that it began, directly or through other runs. */
  contains(waiter: Holder): boolean {
    return waiter === this || waiter.isCalledBy(this);
  }

  startWaiting(resource: Resource): void {
    waiting++;
    this.addWait(this, resource);
    for (let { caller } = this; caller !== undefined; { caller } = caller) caller.addWait(this, resource);
  }

  stopWaiting(): void {
    waiting--;
    this.lazyWaits?.delete(this);
    for (let { caller } = this; caller !== undefined; { caller } = caller) caller.lazyWaits?.delete(this);
  }

  /** Whether `other` began its run, directly or through other runs. */
  isCalledBy(other: Holder): boolean {
    for (let { caller } = this; caller !== undefined; { caller } = caller) if (caller === other) return true;
    return false;
  }

  private addWait(waiter: Holder, resource: Resource): void {
    (this.lazyWaits ??= new Map()).set(waiter, resource);
  }
}

const NO_WAITS: readonly Resource[] = [];

let waiting = 0;

/** Whether any node waits for a resource, apart from those that only wait in streams. */
export function anyWaits(): boolean {
  return waiting > 0;
}
