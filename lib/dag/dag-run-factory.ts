import { checkRoutes, Routing } from "../backends/routing.js";
import type { Semaphore } from "../base/semaphore.js";
import { warn } from "../base/warning.js";
import type { ChildRunOptions } from "../definition/context.js";
import type { DefinedDag } from "../definition/defined.js";
import { unknownMember } from "../definition/definition.js";
import { isOwnBackend, type Backends } from "../definition/specs/backend.js";
import type { ErrorStrategy, NodeHooks } from "../definition/specs/node-options.js";
import { warnOfClassName } from "../engine/durable/class-names.js";
import { checkIdentity, metadataOf } from "../engine/options.js";
import type { OuterRun } from "../engine/outer-run.js";
import type { AcceptedInputs, Purpose, RunFactory } from "../engine/run-factory.js";
import { hooksOf, NO_HOOKS } from "../engine/run-hooks.js";
import type { RunPromises } from "../engine/run-promises.js";
import { CurrentPlan } from "../planning/current-plan.js";
import { DagPlans } from "../planning/dag-plans.js";
import { activeNodes, copiedNodes, requireInner, withoutUnneeded } from "../planning/partial.js";
import type { DagPlan } from "../planning/plan.js";
import type { InnerChecks } from "../planning/inner-schemas.js";
import { dagSurface } from "../planning/surface.js";
import { requireValid, type Planning, type Strictness } from "../planning/validity.js";
import { Caches } from "../policies/caches.js";
import { RunResult } from "../run/result.js";
import { RunState } from "../run/state.js";
import type { Parent, QueuedEvent } from "../stores/store.js";
import { acceptInputs, NO_INPUTS, NOTHING_TAKEN, WHOLE, type Inputs, type Overrides } from "./accept-inputs.js";
import { standsAlone } from "./branching.js";
import { DagRun } from "./dag-run.js";
import type { DagRecorder } from "./durable/recorder.js";
import { newRecorder } from "./durable/records.js";
import type { NodeLimits } from "./host.js";
import { dagHandle, idleDagHandle, type RunHandle } from "./handle.js";
import { checkRunOptions, type DagRunOptions, type PartialRunOptions, type RunOptions } from "./options.js";
import { Placements } from "./placements.js";
import type { RunSetup } from "./run-setup.js";
import { progressObserver } from "./progress.js";
import { takeOver } from "./take-over.js";

/** The part of a dag that a run computes: from `first` on, up to `last`, or everything between the two. */
export interface Part {
  readonly first: string | undefined;
  readonly last: string | undefined;
  /** The run that provides all other results. */
  readonly from: RunResult<any> | undefined;
  /** The recorded run that this one derives from. */
  readonly parent?: Parent;
}

/** The dag whose runs are created. */
interface Source extends DefinedDag {
  readonly defaultHooks: NodeHooks | undefined;
  readonly options: { readonly errorStrategy?: ErrorStrategy | undefined; readonly backends?: Backends | undefined };
}

/** The options that differ between runs, even between those of one stream. */
export type OwnOptions = Pick<RunOptions<any>, "inputs" | "runId">;

/** The limits of nodes that the runs of one stream share, by name. */
export type StreamLimits = ReadonlyMap<string, Semaphore>;

/** How a run differs from a plain one. */
interface Special {
  readonly sync?: boolean;
  readonly overrides?: Overrides | undefined;
  readonly recorder?: DagRecorder | undefined;
  /** Whether events can be sent to it without a store. */
  readonly takesEvents?: boolean;
  /** The recorded events that it has not taken. */
  readonly events?: readonly QueuedEvent[] | undefined;
  /** The limits that nodes share with other runs of the same stream. */
  readonly nodeLimits?: NodeLimits | undefined;
  /** Whether its state holds results from before it was resumed. */
  readonly isResumed?: boolean;
  /** The run that contains it. */
  readonly outer?: OuterRun | undefined;
  /** The results given for nodes inside its workflows, by path. */
  readonly provide?: Readonly<Record<string, unknown>> | undefined;
  /** Settles when its inputs are checked, if that takes time. */
  readonly checking?: Promise<void> | undefined;
  /** See {@link AcceptedInputs.checks}. */
  readonly checks?: InnerChecks | undefined;
  /** Whether another process is to drive it. */
  readonly isSubmitted?: boolean;
}

/** What a run is created for. */
interface SharedWith {
  readonly outer?: OuterRun;
  readonly limits?: StreamLimits | undefined;
  readonly unknown?: ReadonlySet<string>;
}

const NOTHING_SHARED: SharedWith = Object.freeze({});

const NO_OPTIONS: PartialRunOptions<any> = Object.freeze({});
const PLAIN: Special = Object.freeze({});

/** Creates the runs of one dag. */
export class DagRunFactory<N> implements RunFactory<RunOptions<any>, RunResult<N>, RunHandle<N>> {
  readonly workflow: string;
  readonly caches: Caches;
  readonly placements: Placements;
  /** The name of the class that names the dag, "" if the class has none; undefined if the dag has a name of its own. */
  className: string | undefined;
  readonly planned: CurrentPlan<DagPlans>;
  /** The plans that were searched for names that a compiler has changed. */
  private searched: DagPlans | undefined;
  private readonly plainSetup: RunSetup;
  /** The setup of a run with a handle. */
  private readonly startedSetup: RunSetup;
  private readonly syncSetup: RunSetup;

  constructor(readonly dag: Source) {
    this.workflow = dag.name;
    this.planned = new CurrentPlan(
      dag,
      (way) => new DagPlans(dag, way),
      (plans) => dagSurface(plans.of(undefined), dag.declaredInputs),
    );
    this.caches = new Caches(dag.name);
    this.placements = new Placements(dag.name, dag.origin);
    this.plainSetup = {
      sync: false,
      overrides: undefined,
      hooks: NO_HOOKS,
      cacheOf: this.caches.of,
      place: undefined,
      checking: undefined,
    };
    this.startedSetup = { ...this.plainSetup, takesEvents: true };
    this.syncSetup = { ...this.plainSetup, sync: true };
  }

  get planning(): Planning<DagPlan> {
    return this.planningIn(this.planned.now, undefined);
  }

  /** The plan of a run with these inputs, see {@link DagPlans}. @throws {ValidationError} when the dag is not valid */
  planFor(inputs: Readonly<Record<string, unknown>> | undefined, options: Strictness = {}): DagPlan {
    return requireValid(this.planningIn(this.planned.now, inputs), options);
  }

  /** The plan for a run inside another one, made with the latest plans of the workflows inside. */
  planInside(inputs: Readonly<Record<string, unknown>> | undefined, options: Strictness = {}): DagPlan {
    return requireValid(this.planningIn(this.planned.latest, inputs), options);
  }

  createInside(own: ChildRunOptions, outer: OuterRun, { sync }: { readonly sync: boolean }): DagRun {
    return this.create(this.inside(own, outer), sync ? "runSync" : "run", undefined, { outer });
  }

  acceptInside({ inputs = NO_INPUTS }: ChildRunOptions, outer: OuterRun): AcceptedInputs | Promise<AcceptedInputs> {
    const plan = this.planInside(inputs);
    const accepted = acceptInputs(plan, this.dag.declaredInputs, inputs, { ...WHOLE, earlier: outer.checks });
    const { checks, later } = accepted;
    return later === undefined ? accepted : later.then((made) => ({ inputs: made, checks }));
  }

  /** The options of a run inside another one: its own, and those that it shares. No spread, which takes longer. */
  inside(own: ChildRunOptions, outer: OuterRun): DagRunOptions {
    const { inputs, timeout, errorStrategy = this.dag.options.errorStrategy } = own;
    const shared: DagRunOptions = outer.options;
    return {
      inputs,
      timeout,
      errorStrategy,
      mode: shared.mode,
      executor: shared.executor,
      concurrency: shared.concurrency,
      maxWorkers: shared.maxWorkers,
      pool: shared.pool,
      parallel: shared.parallel,
      routing: shared.routing,
      retain: shared.retain,
      strict: shared.strict,
      scheduler: shared.scheduler,
      store: shared.store,
      durability: shared.durability,
      hooks: shared.hooks,
    };
  }

  /**
   * @param shared - the run that contains it; or by name, limits that nodes share with other runs of the same stream;
   *   `unknown`: inputs whose values are not known yet, which are not checked
   */
  create(
    given: PartialRunOptions<any> = NO_OPTIONS,
    purpose: Purpose,
    part?: Part,
    shared: SharedWith = NOTHING_SHARED,
  ): DagRun {
    // The options of a run inside another one come from that run, which has checked them.
    if (given !== NO_OPTIONS && shared.outer === undefined) checkRunOptions(given, this.inputNames);
    if (given.ifExists === "attach") checkIdentity(given);
    const sync = purpose === "runSync";
    if (sync && given.store !== undefined) throw new TypeError("runSync can't wait for a store. Use run instead.");
    const options: PartialRunOptions<any> = purpose === "step" ? { ...given, mode: "sequential" } : given;
    return this.make(options, options, purpose, part, shared);
  }

  /** Creates the run of an item of a stream. @param options - those of all items, already checked */
  createItem(options: RunOptions<any>, item: OwnOptions, limits: StreamLimits | undefined): DagRun {
    return this.make(options, item, "run", undefined, limits === undefined ? NOTHING_SHARED : { limits });
  }

  private make(
    options: PartialRunOptions<any>,
    { inputs, runId }: OwnOptions,
    purpose: Purpose,
    part: Part | undefined,
    { outer, limits, unknown }: SharedWith,
  ): DagRun {
    const sync = purpose === "runSync";
    const plan = outer === undefined ? this.planFor(inputs, options) : this.planInside(inputs, options);
    const overrides = options.overrides === undefined ? undefined : overridesIn(plan, options.overrides);
    let active = part === undefined ? undefined : activeIn(plan, part);
    if (overrides !== undefined) active = withoutReplaced(plan, active, overrides);
    const takesInputs = inputs !== undefined || plan.inputs.length > 0 || this.dag.declaredInputs !== undefined;
    const accepted = takesInputs
      ? acceptInputs(plan, this.dag.declaredInputs, inputs, {
          active,
          overrides,
          sync,
          earlier: outer?.checks,
          unknown,
        })
      : NOTHING_TAKEN;
    const state = new RunState(plan, accepted.inputs, outer?.innerId ?? runId, active, metadataOf(options));
    const checking = accepted.later && useLater(accepted.later, state);
    if (part !== undefined && active !== undefined) {
      const earlier = part.from === undefined ? undefined : RunResult.stateOf(part.from);
      takeOver(state, active, earlier, copiedNodes(plan, active), overrides);
    }
    const recorder = options.store && newRecorder(state, options, parentOf(part, outer));
    const nodeLimits = limits && limitsIn(plan, limits);
    const takesEvents = purpose === "start" || outer?.takesEvents === true;
    return this.runOf(state, options, {
      sync,
      overrides,
      recorder,
      outer,
      nodeLimits,
      checking,
      checks: accepted.checks,
      takesEvents,
      isSubmitted: purpose === "submit",
    });
  }

  /** The run that drives a state. */
  runOf(state: RunState, given: DagRunOptions, special: Special = PLAIN): DagRun {
    const { plan } = state;
    const { sync = false, overrides, recorder, nodeLimits, isResumed, checking, checks, outer, provide } = special;
    const { events, takesEvents = false, isSubmitted = false } = special;
    if (outer !== undefined) keepFor(outer, state);
    const routed = this.routed(plan, given, outer === undefined && !isSubmitted);
    const options = given.onProgress === undefined ? routed : withProgress(state, routed, given.onProgress);
    if (recorder !== undefined && this.className !== undefined) warnOfClassName(this.workflow, this.className);
    const hooks = hooksOf(this.dag.defaultHooks, options.hooks);
    if (sync && plan.streams !== undefined && plan.streams.groups.size > 0) {
      throw new TypeError("runSync can't stream between nodes, which run at the same time. Use run instead.");
    }
    if (sync && plan.isPlaced) throw backendInSync(plan);
    if (sync && plan.waits !== undefined && plan.waits.events.size > 0) {
      throw new TypeError("runSync can't wait for events. Use start instead.");
    }
    const leaves = plan.isPlaced || (options.mode === "parallel" && !sync);
    const place = leaves ? this.placing(state, options) : undefined;
    const isPlain = overrides === undefined && hooks === NO_HOOKS && place === undefined;
    const isAlone = outer === undefined && nodeLimits === undefined && checks === undefined;
    if (isPlain && recorder === undefined && checking === undefined && isAlone) {
      return new DagRun(state, options, sync ? this.syncSetup : takesEvents ? this.startedSetup : this.plainSetup);
    }
    return new DagRun(state, options, {
      sync,
      overrides,
      hooks,
      cacheOf: this.caches.of,
      place,
      recorder,
      nodeLimits,
      isResumed,
      checking,
      checks,
      outer,
      provide,
      takesEvents,
      events,
    });
  }

  /**
   * The options of a run, with its backends resolved.
   * @throws {ValidationError} VALIDATION for undefined backends
   */
  routed(plan: DagPlan, given: DagRunOptions, isOutermost = true): DagRunOptions {
    const { backends } = this.dag.options;
    const { routing: outer, backends: own } = given;
    const routing = backends === undefined && own === undefined ? outer : Routing.of(backends, outer ?? own);
    if (isOutermost && (routing !== undefined || plan.isPlaced)) checkRoutes(plan.specs, routing);
    return routing === outer ? given : { ...given, routing };
  }

  private placing(state: RunState, options: DagRunOptions): RunSetup["place"] {
    return (run) => this.placements.of(state.plan, options, state.runId, run);
  }

  handle(run: DagRun, promises: RunPromises<RunResult<N>>): RunHandle<N> {
    return dagHandle(run, promises);
  }

  idleHandle(run: DagRun, never: Promise<never>): RunHandle<N> {
    return idleDagHandle(run, never);
  }

  private planningIn(plans: DagPlans, inputs: Readonly<Record<string, unknown>> | undefined): Planning<DagPlan> {
    const planning = plans.of(inputs);
    if (this.searched !== plans) {
      this.searched = plans;
      warnOfLostName(planning);
    }
    return planning;
  }

  private readonly inputNames = () => this.planning.plan.inputs.map(({ name }) => name);
}

function activeIn(plan: DagPlan, { first, last }: Part): Uint8Array {
  const at = (name: string | undefined) => (name === undefined ? undefined : nodeIn(plan, name));
  return activeNodes(plan, at(first), at(last));
}

/** The nodes to execute, without those that only overridden nodes need. @throws as {@link requireInner} */
function withoutReplaced(plan: DagPlan, active: Uint8Array | undefined, overrides: Overrides): Uint8Array | undefined {
  requireInner(plan, (i) => overrides.has(i));
  return withoutUnneeded(plan, active, (i) => overrides.has(i) && standsAlone(plan, i, overrides.get(i)));
}

/** The index of a node. @throws {ValidationError} VALIDATION when there is no such node, suggesting the nearest name */
export function nodeIn(plan: DagPlan, name: string): number {
  const index = plan.indexOf.get(name);
  if (index === undefined) throw unknownMember("node", plan.workflow, name, plan.indexOf.keys());
  return index;
}

/** @throws {ValidationError} VALIDATION naming a node that does not exist */
export function overridesIn(plan: DagPlan, overrides: Readonly<Record<string, unknown>>): Overrides {
  return new Map(Object.entries(overrides).map(([name, value]) => [nodeIn(plan, name), value]));
}

/** Gives a run its inputs, as parsed by its schemas, before it begins. */
async function useLater(later: Promise<Inputs>, state: RunState): Promise<void> {
  state.inputs = await later;
}

/** The recorded run that a run derives from, or that contains it. */
function parentOf(part: Part | undefined, outer: OuterRun | undefined): Parent | undefined {
  return outer === undefined ? part?.parent : { ...outer.parent, isOuter: true, rootId: outer.rootId };
}

/** Keeps the results that an outer run takes. */
function keepFor({ takes }: OuterRun, state: RunState): void {
  if (takes.length === 0) return;
  const { indexOf } = state.plan;
  state.kept = new Set(takes.flatMap((path) => indexOf.get(path.split(".", 1)[0]) ?? []));
}

/** The limits of nodes that the plan has: the definition may have changed since the stream began. */
function limitsIn({ indexOf }: DagPlan, limits: StreamLimits): NodeLimits {
  const found = new Map<number, Semaphore>();
  for (const [name, limit] of limits) {
    const node = indexOf.get(name);
    if (node !== undefined) found.set(node, limit);
  }
  return found;
}

function withProgress(
  state: RunState,
  options: DagRunOptions,
  onProgress: NonNullable<RunOptions["onProgress"]>,
): DagRunOptions {
  const { observers = [] } = options;
  return { ...options, onProgress: undefined, observers: [...observers, progressObserver(state, onProgress)] };
}

/** The error of a synchronous run with a node that runs elsewhere. */
function backendInSync({ specs }: DagPlan): TypeError {
  const elsewhere = specs.filter(({ options: { backend } }) => backend !== undefined && backend !== "inline");
  const own = elsewhere.find(({ options }) => isOwnBackend(options.backend));
  const what = own === undefined ? "worker threads" : `the backend of node "${own.name}"`;
  return new TypeError(`runSync can't wait for ${what}. Use run instead.`);
}

function warnOfLostName(planning: Planning<DagPlan>): void {
  // Searches for issues only if there can be one.
  if (planning.plan.inputs.every(({ required }) => required.length > 0)) return;
  const lost = planning.issues.find(({ code }) => code === "LOST_NAME");
  if (lost !== undefined) warn(lost.message, "DagwrightWarning");
}
