import type { Backend } from "../backends/backend.js";
import { inline } from "../backends/inline.js";
import type { Place } from "../run/place.js";
import type { Executor } from "./executors/executor.js";
import type { Permits, SharedPermits } from "../engine/permits.js";

interface Lane {
  readonly backend: Backend;
  readonly permits: Permits;
}

/**
 * The lanes of a run, one for each backend. A lane has its own permits and its own queue of ready nodes, so a full or
 * slow backend delays no other. If one limit applies to all nodes wherever they run, all lanes share the permits and
 * the queue of the first.
 */
export class Lanes {
  /** The first one is inline. */
  private readonly lanes: readonly Lane[];
  private readonly laneOf: Uint8Array;
  /** By node, the number of its queue; undefined when there is one queue. */
  readonly queueOf: Uint8Array | undefined;

  /**
   * @param backends - without inline
   * @param permits - of the first lane
   * @param newPermits - makes the permits of another lane; undefined when lanes share
   */
  constructor(
    places: readonly Place[],
    backends: readonly Backend[],
    permits: Permits,
    newPermits: ((backend: Backend) => Permits) | undefined,
  ) {
    const others = backends.map((backend) => ({ backend, permits: newPermits?.(backend) ?? permits }));
    this.lanes = [{ backend: inline, permits }, ...others];
    const names: string[] = this.lanes.map(({ backend }) => backend.name);
    this.laneOf = new Uint8Array(places.length);
    for (let i = 0; i < places.length; i++) this.laneOf[i] = names.indexOf(places[i].backend);
    this.queueOf = newPermits === undefined ? undefined : this.laneOf;
  }

  isInline(node: number): boolean {
    return this.laneOf[node] === 0;
  }

  backendOf(node: number): Backend {
    return this.lanes[this.laneOf[node]].backend;
  }

  permitsOf(node: number): Permits {
    return this.lanes[this.laneOf[node]].permits;
  }

  /** Lets the runs inside use the permits of these lanes. */
  share(shared: SharedPermits): void {
    for (const { backend, permits } of this.lanes) shared.add(backend.name, permits);
  }

  /** Gives the permits back that other runs share. */
  close(): void {
    for (const { permits } of this.lanes) permits.close();
  }

  /**
   * Takes the next node out of an executor; -1 when none may start. Inline nodes come last, because they block this
   * thread.
   */
  take(executor: Executor): number {
    for (let lane = this.lanes.length - 1; lane >= 0; lane--) {
      const node = this.lanes[lane].permits.isFull ? -1 : executor.take(lane);
      if (node >= 0) return node;
    }
    return -1;
  }
}
