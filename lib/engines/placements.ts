import type { LazyAbort } from "../base/abort.js";
import { ask, probeFor, settle, wantedPlaces, type Placeable, type Placement } from "../backends/placement.js";
import { askSync } from "../backends/probe-sync.js";
import { ThreadBackend } from "../backends/thread.js";
import { defaultPool } from "../backends/thread-pool.js";
import type { ProbeAnswer, ProbeTask } from "../backends/thread-protocol.js";
import type { Origin } from "../definition/origin.js";
import type { DagPlan } from "../planning/plan.js";
import { BackendError } from "../run/errors.js";
import type { Place } from "../run/place.js";
import type { RunOptions } from "./run-options.js";

/** Where nodes run, and what executes those that run on threads. */
export interface Placed {
  readonly placement: Placement;
  readonly threads: ThreadBackend | undefined;
}

/** A question to workers where they find the nodes, and what they said; a reason where it is known without them. */
interface Probed {
  readonly plan: DagPlan;
  readonly probe: ProbeTask | string;
  readonly answer: ProbeAnswer | string;
}

/** Where the nodes of a dag run. A worker is asked once a plan, unless it could not import the module. */
export class Placements implements Placeable {
  /** The instance whose methods the nodes are, and whether the user made it. */
  instance: Placeable["instance"];
  private known: Probed | undefined;

  constructor(
    readonly name: string,
    readonly origin: Origin,
  ) {}

  /** The places of a run with these options. Blocks until a worker has answered. Throws as {@link Placements.of}. */
  now(plan: DagPlan, options: RunOptions<any>): readonly Place[] {
    const wanted = wantedPlaces(plan.specs, options.mode ?? "sequential");
    if (!wanted.some(({ backend }) => backend === "thread")) return wanted;
    const { probe, answer } = this.probed(plan);
    const found = answer ?? this.remember(plan, probe, askSync(probe as ProbeTask));
    return placementOf(plan, options, wanted, probe, found).places;
  }

  /**
   * The places of a run, and what executes its nodes on threads.
   * @param run - gives up asking when it aborts
   * @throws {BackendError} BACKEND under `parallel: { strict: true }`, for nodes that can't go to a worker
   */
  of(plan: DagPlan, options: RunOptions<any>, runId: string, run: LazyAbort): Placed | Promise<Placed> {
    const pool = options.pool ?? defaultPool(options.maxWorkers);
    const wanted = wantedPlaces(plan.specs, options.mode ?? "sequential");
    const { probe, answer } = this.probed(plan);
    const placed = (found: ProbeAnswer | string): Placed => {
      const placement = placementOf(plan, options, wanted, probe, found, runId);
      const { address } = placement;
      return { placement, threads: address === undefined ? undefined : new ThreadBackend(pool, address) };
    };
    if (answer !== undefined) return placed(answer);
    return ask(pool, probe as ProbeTask, run).then((found) => placed(this.remember(plan, probe, found)));
  }

  /** The question, and its answer if that is known. */
  private probed(plan: DagPlan): { probe: ProbeTask | string; answer: ProbeAnswer | string | undefined } {
    if (this.known?.plan === plan) return this.known;
    const probe = probeFor(this, plan.specs);
    return { probe, answer: typeof probe === "string" ? probe : undefined };
  }

  /** A module that could not be imported may be, the next time. */
  private remember(plan: DagPlan, probe: ProbeTask | string, answer: ProbeAnswer | string): ProbeAnswer | string {
    if (typeof answer !== "string") this.known = { plan, probe, answer };
    return answer;
  }
}

function placementOf(
  { specs, workflow }: DagPlan,
  { parallel }: RunOptions<any>,
  wanted: readonly Place[],
  probe: ProbeTask | string,
  answer: ProbeAnswer | string,
  runId = "",
): Placement {
  const placement = settle(wanted, probe, answer);
  if (parallel?.strict !== true) return placement;
  const kept = specs.flatMap(({ name }, i) =>
    wanted[i].backend === "thread" && placement.places[i].backend === "inline"
      ? `"${name}": ${placement.places[i].reason}`
      : [],
  );
  if (kept.length === 0) return placement;
  const message = `Nodes of "${workflow}" can't run on worker threads. ${kept.join("; ")}.`;
  throw new BackendError(message, { runId }, undefined);
}
