import type { LazyAbort } from "../base/abort.js";
import type { Backend } from "../backends/backend.js";
import {
  placementAfter,
  probeFor,
  probeWorker,
  wantedPlaces,
  withoutReplaced,
  type NodeInstance,
  type Placeable,
  type Placement,
} from "../backends/thread/placement.js";
import { probeSync } from "../backends/thread/probe-sync.js";
import { ThreadBackend } from "../backends/thread/thread.js";
import { defaultPool } from "../backends/thread/thread-pool.js";
import type { ProbeAnswer, ProbeTask } from "../backends/thread/thread-protocol.js";
import { fieldsOf } from "../backends/thread/instance-fields.js";
import type { Snapshot } from "../base/snapshot.js";
import type { Origin } from "../definition/origin/origin.js";
import type { DagPlan } from "../planning/plan.js";
import { BackendError } from "../run/errors.js";
import type { Place } from "../run/place.js";
import type { Mode } from "../engine/options.js";
import type { RunOptions } from "./options.js";

/** Where nodes run. */
export interface Placed {
  /** By node. */
  readonly places: readonly Place[];
  /** The backends that the places name, except inline. */
  readonly backends: readonly Backend[];
}

/** Which nodes of a plan workers find. */
interface Probed {
  readonly plan: DagPlan;
  /** The task that asked a worker, or why none was asked. */
  readonly probe: ProbeTask | string;
  /** By node; a reason when it holds for all. */
  readonly answer: ProbeAnswer | string;
  /** By mode. */
  readonly placements: Map<Mode, Placement>;
}

/**
 * Where the nodes of a dag run. A worker is asked once per plan, and again if it failed to answer or the pool has no
 * thread: a pool that can't start one is noticed before a node depends on it.
 */
export class Placements implements Placeable {
  instance: NodeInstance | undefined;
  private known: Probed | undefined;

  constructor(
    readonly name: string,
    readonly origin: Origin,
  ) {}

  /** The places of a run with these options. Blocks until a worker has answered. @throws as {@link Placements.of} */
  now(plan: DagPlan, options: RunOptions<any>): readonly Place[] {
    const wanted = wantedPlaces(plan.specs, options.mode ?? "sequential");
    if (!wanted.some(({ backend }) => backend === "thread")) return wanted;
    const probed = this.probed(plan, this.fields());
    const asked = "answer" in probed ? probed : this.remember(plan, probed.probe, probeSync(probed.probe));
    return placementOf(asked, options, "").places;
  }

  /**
   * The places of a run's nodes, and the backends that execute them.
   * @param run - ends the wait for a worker when it aborts
   * @throws {BackendError} BACKEND under `parallel: { strict: true }`, for nodes that can't go to a worker
   */
  of(plan: DagPlan, options: RunOptions<any>, runId: string, run: LazyAbort): Placed | Promise<Placed> {
    const pool = options.pool ?? defaultPool(options.maxWorkers);
    const fields = this.fields();
    const placed = (probed: Probed): Placed => {
      const { places, address } = placementOf(probed, options, runId);
      if (address === undefined) return { places, backends: [] };
      const limit = options.maxWorkers ?? pool.maxWorkers;
      return { places, backends: [new ThreadBackend(pool, limit, address, fields as Snapshot | undefined)] };
    };
    const probed = this.probed(plan, fields);
    const { probe } = probed;
    if ("answer" in probed && (typeof probe === "string" || pool.isUp || !isFound(probed))) return placed(probed);
    return probeWorker(pool, probe as ProbeTask, run).then((answer) => {
      // Nodes fail if their pool closes, even while a worker is being asked.
      const isClosed = pool.isClosed && typeof answer === "string";
      return placed(this.remember(plan, probe, isClosed ? [] : answer));
    });
  }

  /** The current fields of the user's instance, or why workers can't recreate it. */
  private fields(): Snapshot | string | undefined {
    return this.instance?.isGiven === true ? fieldsOf(this.instance.object) : undefined;
  }

  /** The latest answer, or the task that asks for one. */
  private probed(plan: DagPlan, fields: Snapshot | string | undefined): Probed | { readonly probe: ProbeTask } {
    if (typeof fields === "string") return { plan, probe: fields, answer: fields, placements: new Map() };
    if (this.known?.plan === plan) return this.known;
    const probe = probeFor(this, plan.specs);
    return typeof probe === "string" ? this.remember(plan, probe, probe) : { probe };
  }

  /** Remembers an answer, but not a failure, which may not recur. @param given - empty when the pool was closed */
  private remember(plan: DagPlan, probe: ProbeTask | string, given: ProbeAnswer | string): Probed {
    const answer = typeof given === "string" ? given : withoutReplaced(this, plan.specs, given);
    const probed = { plan, probe, answer, placements: new Map<Mode, Placement>() };
    if (typeof answer !== "string" && answer.length > 0) this.known = probed;
    return probed;
  }
}

/** Whether workers find any of the nodes. */
function isFound({ answer }: Probed): boolean {
  return typeof answer !== "string" && answer.includes(undefined);
}

function placementOf(
  { plan, probe, answer, placements }: Probed,
  { mode = "sequential", parallel }: RunOptions<any>,
  runId: string,
): Placement {
  const { specs, workflow } = plan;
  let placement = placements.get(mode);
  if (placement === undefined)
    placements.set(mode, (placement = placementAfter(wantedPlaces(specs, mode), probe, answer)));
  if (parallel?.strict !== true) return placement;
  const wanted = wantedPlaces(specs, mode);
  const { places } = placement;
  const kept = specs.flatMap(({ name }, i) =>
    wanted[i].backend === "thread" && places[i].backend === "inline" ? `"${name}": ${places[i].reason}` : [],
  );
  if (kept.length === 0) return placement;
  const message = `Nodes of "${workflow}" can't run on worker threads. ${kept.join("; ")}. Correct that, or leave out { parallel: { strict: true } }.`;
  throw new BackendError(message, { runId }, undefined);
}
