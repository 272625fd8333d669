import type { Backend } from "../backends/backend.js";
import { inline } from "../backends/inline.js";
import type { Place } from "../run/place.js";
import type { Executor } from "./executors/executor.js";
import type { Permits } from "./permits.js";

interface Lane {
  readonly backend: Backend;
  readonly permits: Permits;
}

/**
 * The lanes of a run, one a backend. Each has permits and a queue of ready nodes of its own, so that a backend that is full or
 * slow holds up no other; or all share those of the first, where a limit counts nodes wherever they run.
 */
export class Lanes {
  /** The first is that of the nodes that run inline. */
  private readonly lanes: readonly Lane[];
  private readonly laneOf: Uint8Array;
  /** The queue of each node, by its number; undefined when there is one. */
  readonly queueOf: Uint8Array | undefined;

  /**
   * @param backends - beside inline
   * @param permits - of the first lane
   * @param newPermits - makes those of the others; undefined when all share the first's
   */
  constructor(
    places: readonly Place[],
    backends: readonly Backend[],
    permits: Permits,
    newPermits: ((limit: number) => Permits) | undefined,
  ) {
    const others = backends.map((backend) => ({ backend, permits: newPermits?.(backend.limit) ?? permits }));
    this.lanes = [{ backend: inline, permits }, ...others];
    const numbers = new Map<string, number>(this.lanes.map(({ backend }, i) => [backend.name, i]));
    this.laneOf = Uint8Array.from(places, ({ backend }) => numbers.get(backend) as number);
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

  /** Takes out the node that starts next; -1 when none may. Inline nodes come last: others go on while this thread is busy. */
  take(executor: Executor): number {
    for (let lane = this.lanes.length - 1; lane >= 0; lane--) {
      const node = this.lanes[lane].permits.isFull ? -1 : executor.take(lane);
      if (node >= 0) return node;
    }
    return -1;
  }
}
