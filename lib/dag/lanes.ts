import type { Runner } from "../backends/runner.js";
import type { Permits } from "../engine/permits.js";
import type { SharedPermits } from "../engine/shared-permits.js";
import type { Place } from "../run/place.js";
import type { Executor } from "./executors/executor.js";

/**
 * The lanes of a run. Each backend with a limit has one: permits and a queue of ready nodes of its own, so a full or slow
 * backend delays no other. Those without one share a lane.
 *
 * Cost: O(nodes) at the start, O(lanes) for each node that starts.
 */
export class Lanes {
  /** By lane. The first one is that of inline nodes. */
  private readonly permits: readonly Permits[];
  /** By node, the number of its runner, counted from 1; 0 if it runs inline. */
  private readonly runnerAt: Uint16Array;
  /** By runner, the number of its lane. */
  private readonly laneAt: readonly number[];
  /** By node, the number of its queue; undefined when there is one queue. */
  readonly queueOf: Uint16Array | undefined;

  /**
   * @param runners - all but inline
   * @param inline - the permits of inline nodes
   * @param permitsOf - those of a runner; runners with the same ones share a lane
   */
  constructor(
    places: readonly Place[],
    private readonly runners: readonly Runner[],
    inline: Permits,
    permitsOf: (runner: Runner) => Permits,
  ) {
    const ofRunners = runners.map(permitsOf);
    this.permits = Array.from(new Set([inline, ...ofRunners]));
    this.laneAt = [inline, ...ofRunners].map((permits) => this.permits.indexOf(permits));
    const numbers = new Map(runners.map(({ backend, name }, i) => [backend ?? name, i + 1] as const));
    this.runnerAt = Uint16Array.from(places, ({ on, backend }) => numbers.get(on ?? backend) ?? 0);
    const { laneAt } = this;
    this.queueOf = this.permits.length === 1 ? undefined : this.runnerAt.map((runner) => laneAt[runner]);
  }

  isInline(node: number): boolean {
    return this.runnerAt[node] === 0;
  }

  /** Undefined for an inline node. */
  runnerOf(node: number): Runner | undefined {
    return this.runners[this.runnerAt[node] - 1];
  }

  permitsOf(node: number): Permits {
    return this.permits[this.laneAt[this.runnerAt[node]]];
  }

  /** Lets the runs inside use the permits of these lanes. */
  share(shared: SharedPermits): void {
    this.runners.forEach(({ backend, name }, i) => shared.add(backend ?? name, this.permits[this.laneAt[i + 1]]));
  }

  /** Gives back the permits that other runs share. */
  close(): void {
    for (const permits of this.permits) permits.close();
  }

  /**
   * Takes the next node out of an executor; -1 when none may start. Inline nodes come last, because they block this
   * thread.
   */
  take(executor: Executor): number {
    for (let lane = this.permits.length - 1; lane >= 0; lane--) {
      const node = this.permits[lane].isFull ? -1 : executor.take(lane);
      if (node >= 0) return node;
    }
    return -1;
  }
}
