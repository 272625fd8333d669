import type { Trips } from "../runner.js";
import type { PendingTask } from "./pending-task.js";

/** How long a trip should take, in ms. A round trip of one small call takes about a tenth of this. */
const WANTED = 1;
/** The maximum number of calls in a trip, unless it is given. */
const MOST = 256;
/** How many times as long as the last one a trip may be. */
const GROWTH = 4;

/**
 * The calls of one map, on their way to threads. A thread executes the calls of a trip one after the other, and answers
 * each when it has ended. Calls wait here; the first of each trip waits in the pool's queue in the place of all.
 *
 * Without a given size, a trip takes so many calls that it should last a millisecond, as long as the others did; never
 * so many that another thread would have none.
 */
export class ThreadTrips implements Trips {
  size: number;
  private waiting = new Set<PendingTask>();
  /** The number of trips in the pool's queue or under way. */
  private trips = 0;

  /** @param limit - how many trips may be under way at a time */
  constructor(
    private readonly given: number | undefined,
    private readonly limit: () => number,
  ) {
    this.size = given ?? 1;
  }

  /** Whether a call is to lead a trip; otherwise it waits for one. */
  leads(task: PendingTask): boolean {
    if (this.trips < this.mostTrips) {
      this.trips++;
      return true;
    }
    this.waiting.add(task);
    return false;
  }

  /** Takes the calls that travel with the first one of a trip. @param threads - how many share the calls */
  companions(leader: PendingTask, threads: number): PendingTask[] {
    if (leader.isAlone) return [];
    const share = Math.ceil((this.waiting.size + 1) / Math.min(threads, this.mostTrips));
    const most = Math.min(this.size, share) - 1;
    const taken: PendingTask[] = [];
    for (const task of this.waiting) {
      if (taken.length >= most || task.isAlone) break;
      taken.push(task);
    }
    for (const task of taken) this.waiting.delete(task);
    return taken;
  }

  /** Calls were not executed: they travel again, before the others. */
  takeBack(tasks: readonly PendingTask[]): void {
    if (tasks.length > 0) this.waiting = new Set([...tasks, ...this.waiting]);
  }

  /** Removes a call that no longer waits. */
  drop(task: PendingTask): void {
    this.waiting.delete(task);
  }

  /** A trip is over. Returns the calls that lead the next ones. */
  ended(): PendingTask[] {
    this.trips--;
    const leaders: PendingTask[] = [];
    for (const task of this.waiting) {
      if (this.trips >= this.mostTrips) break;
      this.trips++;
      leaders.push(task);
    }
    for (const task of leaders) this.waiting.delete(task);
    return leaders;
  }

  /** Takes the calls that wait: none of them will be executed. */
  takeAll(): PendingTask[] {
    const all = Array.from(this.waiting);
    this.waiting.clear();
    this.trips = 0;
    return all;
  }

  get isIdle(): boolean {
    return this.trips === 0 && this.waiting.size === 0;
  }

  /** A trip of so many calls took `ms`. */
  took(calls: number, ms: number): void {
    if (this.given !== undefined) return;
    const wanted = Math.floor((calls * WANTED) / ms);
    this.size = Math.max(1, Math.min(wanted, GROWTH * calls, MOST));
  }

  private get mostTrips(): number {
    return Math.max(1, this.limit());
  }
}
