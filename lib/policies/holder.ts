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
  /**
   * Breaks a circular wait that it is part of, if it can: a result is computed twice, a buffer grows, or there is one
   * slot more. Returns whether it does.
   * @param holder - the node that closes the circle
   */
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

/** A run that a node has begun. */
export interface BegunRun {
  /** The slots that its nodes wait for which are not in the wait-for graph themselves. */
  awaitedSlots(): Iterable<Resource>;
}

/** A node that may hold resources, and wait for one: a vertex of the wait-for graph. */
export class Holder {
  /** Whether runs that its function or hooks begin are traced to it. */
  isTracked = false;
  private lazyWaits: Map<Holder, Resource> | undefined;
  /** The open runs that it has begun, directly or through other runs. */
  private lazyRuns: Set<BegunRun> | undefined;

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
    const { lazyWaits, lazyRuns, streamWaits } = this;
    const waits = [...(lazyWaits?.values() ?? NO_WAITS), ...(streamWaits?.() ?? NO_WAITS)];
    for (const run of lazyRuns ?? NO_RUNS) waits.push(...run.awaitedSlots());
    return waits;
  }

  /** Whether it waits itself. */
  get isWaiting(): boolean {
    return this.lazyWaits?.has(this) === true;
  }

  /** It has begun a run. */
  begin(run: BegunRun): void {
    (this.lazyRuns ??= new Set()).add(run);
    this.caller?.begin(run);
  }

  /** A run that it has begun is over. */
  end(run: BegunRun): void {
    this.lazyRuns?.delete(run);
    this.caller?.end(run);
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
const NO_RUNS: readonly BegunRun[] = [];

let waiting = 0;

/** Whether any node waits for a resource, apart from those that only wait in streams. */
export function anyWaits(): boolean {
  return waiting > 0;
}
