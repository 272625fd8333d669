import type { LazyAbort } from "../base/abort.js";
import { OwnRunner } from "../backends/own-runner.js";
import type { Runner } from "../backends/runner.js";
import {
  placementAfter,
  probeFor,
  probeWorker,
  withoutReplaced,
  type NodeInstance,
  type Placeable,
  type Placement,
} from "../backends/thread/placement.js";
import { probeSync } from "../backends/thread/probe-sync.js";
import { ThreadRunner } from "../backends/thread/thread.js";
import { defaultPool, type ThreadPool } from "../backends/thread/thread-pool.js";
import type { ProbeAnswer, ProbeTask } from "../backends/thread/thread-protocol.js";
import { fieldsOf } from "../backends/thread/instance-fields.js";
import { isKeptInline, wantedPlaces } from "../backends/wanted-places.js";
import type { Snapshot } from "../base/snapshot.js";
import { isOwnBackend, type Backend } from "../definition/specs/backend.js";
import type { Origin } from "../definition/origin/origin.js";
import type { DagPlan } from "../planning/plan.js";
import { BackendError } from "../run/errors.js";
import type { Place } from "../run/place.js";
import type { Mode } from "../engine/options.js";
import type { DagRunOptions } from "./options.js";

/** Where nodes run. */
export interface Placed {
  /** By node. */
  readonly places: readonly Place[];
  /** What executes the nodes, except inline ones. */
  readonly runners: readonly Runner[];
}

/** Which nodes of a plan workers find. */
interface Probed {
  readonly plan: DagPlan;
  /** The task that asked a worker, or why none was asked. */
  readonly probe: ProbeTask | string;
  /** By node; a reason when it holds for all. */
  readonly answer: ProbeAnswer | string;
  /** By mode, for runs without backends of the user's. */
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
  now(plan: DagPlan, options: DagRunOptions): readonly Place[] {
    const wanted = wantedPlaces(plan.specs, options.mode ?? "sequential", options.routing);
    if (!usesThreads(wanted)) return strictly(plan, wanted, options, "");
    const probed = this.probed(plan, this.fields());
    const asked = "answer" in probed ? probed : this.remember(plan, probed.probe, probeSync(probed.probe));
    return strictly(plan, placementOf(asked, wanted, options).places, options, "");
  }

  /**
   * The places of a run's nodes, and what executes them.
   * @param run - ends the wait for a worker when it aborts
   * @throws {BackendError} BACKEND under `parallel: { strict: true }`, for nodes that can't run where they should
   * @throws as {@link wantedPlaces}
   */
  of(plan: DagPlan, options: DagRunOptions, runId: string, run: LazyAbort): Placed | Promise<Placed> {
    const wanted = wantedPlaces(plan.specs, options.mode ?? "sequential", options.routing);
    const own = ownRunners(wanted, options);
    if (!usesThreads(wanted)) return { places: strictly(plan, wanted, options, runId), runners: own };
    const pool = options.pool ?? defaultPool(options.maxWorkers);
    const fields = this.fields();
    const placed = (probed: Probed): Placed => {
      const { places, address } = placementOf(probed, wanted, options);
      strictly(plan, places, options, runId);
      if (address === undefined) return { places, runners: own };
      const limit = threadLimit(options, pool);
      return { places, runners: [new ThreadRunner(pool, limit, address, fields as Snapshot | undefined), ...own] };
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

function usesThreads(places: readonly Place[]): boolean {
  return places.some(({ backend, on }) => backend === "thread" && on === undefined);
}

/** How many calls may be on threads: in mode `async` any number, since there `concurrency` counts all nodes. */
function threadLimit({ mode, maxWorkers, routing }: DagRunOptions, pool: ThreadPool): number {
  const isOfRun = mode === "parallel" || mode === "hybrid";
  return routing?.limitOf("thread") ?? (isOfRun ? (maxWorkers ?? pool.maxWorkers) : Infinity);
}

/** What makes calls on the backends of the user's, one for each. */
function ownRunners(places: readonly Place[], { routing }: DagRunOptions): Runner[] {
  const names = new Map<Backend, string>();
  for (const { on, backend } of places) if (on !== undefined) names.set(on, backend);
  return Array.from(names, ([on, name]) => new OwnRunner(name, on, routing?.limitOf(name) ?? on.limit ?? Infinity));
}

function placementOf(
  { probe, answer, placements }: Probed,
  wanted: readonly Place[],
  { mode = "sequential", routing }: DagRunOptions,
): Placement {
  if (routing !== undefined || wanted.some(({ on }) => on !== undefined)) return placementAfter(wanted, probe, answer);
  let placement = placements.get(mode);
  if (placement === undefined) placements.set(mode, (placement = placementAfter(wanted, probe, answer)));
  return placement;
}

/** @throws {BackendError} BACKEND under `parallel: { strict: true }`, for nodes that are kept inline */
function strictly(
  { specs, workflow }: DagPlan,
  places: readonly Place[],
  { parallel }: DagRunOptions,
  runId: string,
): readonly Place[] {
  if (parallel?.strict !== true) return places;
  const kept = specs.flatMap(({ name, options }, i) =>
    isKeptInline(places[i]) ? { name, options, place: places[i] } : [],
  );
  if (kept.length === 0) return places;
  const where = kept.every(({ options }) => !isOwnBackend(options.backend)) ? "on worker threads" : "where they should";
  const reasons = kept.map(({ name, place }) => `"${name}": ${place.reason}`).join("; ");
  const message = `Nodes of "${workflow}" can't run ${where}. ${reasons}. Correct that, or leave out { parallel: { strict: true } }.`;
  throw new BackendError(message, { runId });
}
