import type { Runner } from "../backends/runner.js";
import { Permits, type PermitQueue } from "../engine/permits.js";
import { ALL, LanePermits, type SharedPermits } from "../engine/shared-permits.js";
import type { DagRunOptions } from "./options.js";

/** The run whose nodes take permits. */
interface LimitedRun {
  readonly options: Pick<DagRunOptions, "mode" | "concurrency" | "routing">;
  /** Whether it runs one node at a time. */
  readonly isSequential: boolean;
  /** Whether nodes keep their order. */
  readonly isOrdered: boolean;
  /** The permits of an outer run; undefined if there is none, or it shares none. */
  readonly outer: SharedPermits | undefined;
}

/** Whether, in this mode, no limit counts the nodes of all lanes. */
export function hasLanes({ mode }: Pick<DagRunOptions, "mode">): boolean {
  return mode === "parallel" || mode === "hybrid";
}

/**
 * How many nodes of a run may be in flight: altogether, in the modes `sequential` and `async`; inline; and on each backend.
 */
export class RunPermits {
  /** The permits of all nodes; undefined where each lane has a limit of its own, or none. */
  private readonly all: Permits | undefined;
  /** The permits of inline nodes. */
  readonly inline: Permits;
  private readonly most: number;
  private readonly inlineLimit: number;
  /** The permits of the lanes without a limit, if inline nodes have one. */
  private unlimited: Permits | undefined = undefined;

  constructor(
    private readonly run: LimitedRun,
    private readonly queue: PermitQueue,
  ) {
    const { options, isSequential } = run;
    const { concurrency = Infinity, routing } = options;
    this.most = isSequential ? 1 : hasLanes(options) ? Infinity : concurrency;
    this.all = this.most < Infinity ? this.permits(ALL, this.most) : undefined;
    this.inlineLimit = Math.min(concurrency, routing?.limitOf("inline") ?? Infinity);
    this.inline = this.ofLane("inline", this.inlineLimit);
  }

  /** The permits of a backend. Backends without a limit share theirs. */
  of({ backend, name, limit }: Runner): Permits {
    if (limit < Infinity || this.all !== undefined) return this.ofLane(backend ?? name, limit);
    if (this.inlineLimit === Infinity) return this.inline;
    return (this.unlimited ??= this.permits("unlimited", Infinity));
  }

  /** Lets the runs inside use the permits. */
  share(shared: SharedPermits): void {
    if (this.all !== undefined) shared.add(ALL, this.all);
    shared.add("inline", this.inline);
  }

  /** Gives back the permits that other runs share. */
  close(): void {
    this.all?.close();
    this.inline.close();
  }

  /** The permits of all nodes, if the lane has no lower limit. */
  private ofLane(lane: unknown, limit: number): Permits {
    const { all, most } = this;
    return all !== undefined && limit >= most ? all : this.permits(lane, limit);
  }

  private permits(lane: unknown, limit: number): Permits {
    const { run, queue, all } = this;
    if (run.outer !== undefined) return run.outer.of(lane, limit, queue, run.isOrdered);
    return all === undefined ? new Permits(limit, queue, run.isOrdered) : new LanePermits(limit, queue, all);
  }
}
