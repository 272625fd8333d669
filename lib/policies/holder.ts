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
}

/** The wait for a permit of a resource. */
export interface ResourceAcquire extends PendingAcquire {
  readonly resource: Resource;
}

/** A node that may hold resources, and wait for one: a vertex of the wait-for graph. */
export class Holder {
  /** Whether runs that its function or hooks begin are traced to it. */
  isTracked = false;
  private lazyWaits: Map<Holder, Resource> | undefined;

  /**
   * @param describe - names it in messages
   * @param caller - the node that began its run
   */
  constructor(
    private readonly describe: () => string,
    readonly caller: Holder | undefined,
  ) {}

  get label(): string {
    return this.describe();
  }

  /** Its own wait, and the waits of nodes in runs that it began, directly or through other runs. */
  get waits(): ReadonlyMap<Holder, Resource> {
    return this.lazyWaits ?? NO_WAITS;
  }

  startWaiting(resource: Resource): void {
    this.addWait(this, resource);
    for (let { caller } = this; caller !== undefined; { caller } = caller) caller.addWait(this, resource);
  }

  stopWaiting(): void {
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

const NO_WAITS: ReadonlyMap<Holder, Resource> = new Map();
