import type { LazyAbort } from "../base/abort.js";
import type { Semaphore } from "../base/semaphore.js";
import { warn } from "../base/warning.js";
import type { DefinedDag } from "../definition/defined.js";
import { unknownMember } from "../definition/definition.js";
import type { ErrorStrategy, NodeHooks } from "../definition/specs/node-options.js";
import { warnOfClassName } from "../engine/durable/class-names.js";
import type { Recorder } from "../engine/durable/recorder.js";
import { checkIdentity, metadataOf } from "../engine/options.js";
import type { OuterRun } from "../engine/outer-run.js";
import type { Purpose, RunFactory } from "../engine/run-factory.js";
import { hooksOf, NO_HOOKS } from "../engine/run-hooks.js";
import type { RunPromises } from "../engine/run-promises.js";
import { DagPlans } from "../planning/dag-plans.js";
import { checkInputs, type CheckedInputs } from "../planning/declared-inputs.js";
import { acceptDagInputs, checkDagInputs, requireInputs } from "../planning/inputs.js";
import { activeNodes, copiedNodes, requireInner, withoutUnneeded } from "../planning/partial.js";
import type { DagPlan } from "../planning/plan.js";
import { requireValid, type Planning, type Strictness } from "../planning/validity.js";
import { Caches } from "../policies/caches.js";
import { RunResult } from "../run/result.js";
import { RunState } from "../run/state.js";
import type { Parent } from "../stores/store.js";
import { standsAlone } from "./branching.js";
import { DagRun, type RunSetup } from "./dag-run.js";
import { newRecorder } from "./durable/records.js";
import type { NodeLimits } from "./host.js";
import { dagHandle, idleDagHandle, type RunHandle } from "./handle.js";
import { checkRunOptions, type PartialRunOptions, type RunOptions } from "./options.js";
import { Placements } from "./placements.js";
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
  readonly revision: number;
  readonly defaultHooks: NodeHooks | undefined;
  readonly options: { readonly errorStrategy?: ErrorStrategy | undefined };
}

/** The results that replace nodes, by index. */
export type Overrides = ReadonlyMap<number, unknown>;

/** How a run differs from a plain one. */
interface Special {
  readonly sync?: boolean;
  readonly overrides?: Overrides | undefined;
  readonly recorder?: Recorder | undefined;
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
}

const NO_OPTIONS: PartialRunOptions<any> = Object.freeze({});
type Inputs = Readonly<Record<string, unknown>>;

const NO_INPUTS: Inputs = Object.freeze({});
const PLAIN: Special = Object.freeze({});

/** Creates the runs of one dag. */
export class DagRunFactory<N> implements RunFactory<RunOptions<any>, RunResult<N>, RunHandle<N>> {
  readonly workflow: string;
  readonly caches: Caches;
  readonly placements: Placements;
  /** The name of the class that names the dag, "" if the class has none; undefined if the dag has a name of its own. */
  className: string | undefined;
  private planned: { readonly revision: number; readonly plans: DagPlans } | undefined;
  private readonly plainSetup: RunSetup;

  constructor(private readonly dag: Source) {
    this.workflow = dag.name;
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
  }

  get planning(): Planning<DagPlan> {
    return this.planningFor(undefined);
  }

  /** The plan of a run with these inputs, see {@link DagPlans}. @throws {ValidationError} when the dag is not valid */
  planFor(inputs: Readonly<Record<string, unknown>> | undefined, options: Strictness = {}): DagPlan {
    return requireValid(this.planningFor(inputs), options);
  }

  createInside(options: RunOptions<any>, outer: OuterRun, sync: boolean): DagRun {
    return this.create(this.inside(options), sync ? "runSync" : "run", undefined, { outer });
  }

  /** The options of a run inside another one, with the error strategy of this workflow. */
  inside(options: RunOptions<any>): RunOptions<any> {
    const { errorStrategy = this.dag.options.errorStrategy } = options;
    return { ...options, errorStrategy };
  }

  /**
   * @param shared - the run that contains it; or by name, limits that nodes share with other runs of the same stream
   */
  create(
    given: PartialRunOptions<any> = NO_OPTIONS,
    purpose: Purpose,
    part?: Part,
    { outer, limits }: { outer?: OuterRun; limits?: ReadonlyMap<string, Semaphore> } = {},
  ): DagRun {
    if (given !== NO_OPTIONS) checkRunOptions(given, this.inputNames);
    if (given.ifExists === "attach") checkIdentity(given);
    const sync = purpose === "runSync";
    if (sync && given.store !== undefined) throw new TypeError("runSync can't wait for a store. Use run instead.");
    const options: PartialRunOptions<any> = purpose === "step" ? { ...given, mode: "sequential" } : given;
    const { inputs = NO_INPUTS } = options;
    const plan = this.planFor(options.inputs, options);
    const overrides = options.overrides === undefined ? undefined : overridesIn(plan, options.overrides);
    let active = part === undefined ? undefined : activeIn(plan, part);
    if (overrides !== undefined) {
      requireInner(plan, (i) => overrides.has(i));
      active = withoutUnneeded(plan, active, (i) => overrides.has(i) && standsAlone(plan, i, overrides.get(i)));
    }
    const runs = (node: number) => (active === undefined || active[node] === 1) && !overrides?.has(node);
    const checked = this.checked(plan, inputs, runs, sync);
    if (checked === undefined) {
      if (options.inputs !== undefined) checkDagInputs(plan, inputs);
      if (plan.inputs.length > 0) requireInputs(plan, inputs, runs);
    }
    const values = checked === undefined || checked instanceof Promise ? inputs : checked;
    const state = new RunState(plan, values, options.runId, active, metadataOf(options));
    const checking = checked instanceof Promise ? checked.then((final) => void (state.inputs = final)) : undefined;
    if (part !== undefined && active !== undefined) {
      const earlier = part.from === undefined ? undefined : RunResult.stateOf(part.from);
      takeOver(state, active, earlier, copiedNodes(plan, active), overrides);
    }
    const parent = outer === undefined ? part?.parent : { ...outer.parent, isOuter: true };
    const recorder = options.store && newRecorder(state, options, parent);
    const nodeLimits = limits && limitsIn(plan, limits);
    return this.runOf(state, options, { sync, overrides, recorder, outer, nodeLimits, checking });
  }

  /** The inputs as their schemas made them; undefined without schemas. @throws as {@link acceptDagInputs} */
  private checked(plan: DagPlan, given: Inputs, runs: (node: number) => boolean, sync: boolean) {
    const { declaredInputs: declared } = this.dag;
    if (declared === undefined) return undefined;
    const accept = (checked: CheckedInputs): Inputs => {
      acceptDagInputs(plan, { declared, given, checked }, runs);
      return checked.values;
    };
    const checked = checkInputs(declared, given, { sync });
    return checked instanceof Promise ? checked.then(accept) : accept(checked);
  }

  /** The run that drives a state. */
  runOf(state: RunState, given: RunOptions<any>, special: Special = PLAIN): DagRun {
    const { plan } = state;
    const { sync = false, overrides, recorder, nodeLimits, isResumed, checking, outer, provide } = special;
    if (outer !== undefined) keepFor(outer, state);
    const options = given.onProgress === undefined ? given : withProgress(state, given, given.onProgress);
    if (recorder !== undefined && this.className !== undefined) warnOfClassName(this.workflow, this.className);
    const hooks = hooksOf(this.dag.defaultHooks, options.hooks);
    const usesThreads = plan.usesThreads || (options.mode === "parallel" && !sync);
    if (sync && plan.streams !== undefined && plan.streams.groups.size > 0) {
      throw new TypeError("runSync can't stream between nodes, which run at the same time. Use run instead.");
    }
    if (sync && usesThreads) throw new TypeError("runSync can't wait for worker threads. Use run instead.");
    const place = usesThreads ? (run: LazyAbort) => this.placements.of(plan, options, state.runId, run) : undefined;
    const isPlain = !sync && overrides === undefined && hooks === NO_HOOKS && place === undefined;
    if (isPlain && recorder === undefined && outer === undefined && nodeLimits === undefined && checking === undefined)
      return new DagRun(state, options, this.plainSetup);
    const { of: cacheOf } = this.caches;
    const setup = { sync, overrides, hooks, cacheOf, place, recorder, nodeLimits, isResumed, checking, outer, provide };
    return new DagRun(state, options, setup);
  }

  handle(run: DagRun, promises: RunPromises<RunResult<N>>): RunHandle<N> {
    return dagHandle(run, promises);
  }

  idleHandle(run: DagRun, never: Promise<never>): RunHandle<N> {
    return idleDagHandle(run, never);
  }

  private planningFor(inputs: Readonly<Record<string, unknown>> | undefined): Planning<DagPlan> {
    const { revision } = this.dag;
    if (this.planned?.revision !== revision) {
      this.planned = { revision, plans: new DagPlans(this.dag) };
      warnOfLostName(this.planned.plans.of(inputs));
    }
    return this.planned.plans.of(inputs);
  }

  private readonly inputNames = () => this.planning.plan.inputs.map(({ name }) => name);
}

function activeIn(plan: DagPlan, { first, last }: Part): Uint8Array {
  const at = (name: string | undefined) => (name === undefined ? undefined : nodeIn(plan, name));
  return activeNodes(plan, at(first), at(last));
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

/** Keeps the results that an outer run takes. */
function keepFor({ takes }: OuterRun, state: RunState): void {
  if (takes.length === 0) return;
  const { indexOf } = state.plan;
  state.kept = new Set(takes.flatMap((path) => indexOf.get(path.split(".", 1)[0]) ?? []));
}

/** The limits of nodes that the plan has: the definition may have changed since the stream began. */
function limitsIn({ indexOf }: DagPlan, limits: ReadonlyMap<string, Semaphore>): NodeLimits {
  const found = new Map<number, Semaphore>();
  for (const [name, limit] of limits) {
    const node = indexOf.get(name);
    if (node !== undefined) found.set(node, limit);
  }
  return found;
}

function withProgress(
  state: RunState,
  options: RunOptions<any>,
  onProgress: NonNullable<RunOptions["onProgress"]>,
): RunOptions<any> {
  const { observers = [] } = options;
  return { ...options, onProgress: undefined, observers: [...observers, progressObserver(state, onProgress)] };
}

function warnOfLostName(planning: Planning<DagPlan>): void {
  // Finds all issues only if one of these is possible.
  if (planning.plan.inputs.every(({ required }) => required.length > 0)) return;
  const lost = planning.issues.find(({ code }) => code === "LOST_NAME");
  if (lost !== undefined) warn(lost.message, "DagwrightWarning");
}
