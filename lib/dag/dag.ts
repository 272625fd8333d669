import type { LazyAbort } from "../base/abort.js";
import type { ValidationIssue } from "../base/errors.js";
import { merge } from "../base/merge.js";
import { warn } from "../base/warning.js";
import { wantedPlaces } from "../backends/thread/placement.js";
import { readNodes } from "../definition/class-methods.js";
import { instanceUsed } from "../definition/origin/class-registry.js";
import { DagDefinition } from "../definition/dag-definition.js";
import type { DagOptions } from "../definition/specs/dag-options.js";
import type { Target } from "../definition/node-handle.js";
import type { OnlyResult, ResultsOf, StandInsOf } from "../definition/typings/typed-wiring.js";
import { isModuleBody, neverInWorker } from "../definition/origin/worker-scope.js";
import { levels } from "../graph/order.js";
import { DagPlans } from "../planning/dag-plans.js";
import { activeNodes, copiedNodes, sparing } from "../planning/partial.js";
import { checkDagInputs, requireInputs } from "../planning/inputs.js";
import { edgesOf, type DagEdge, type DagPlan } from "../planning/plan.js";
import { checkStrict, issuesOf, requireValid, type Planning } from "../planning/validity.js";
import { Caches } from "../policies/caches.js";
import type { BackendName } from "../run/place.js";
import { RunResult } from "../run/result.js";
import { RunState } from "../run/state.js";
import { toDot, toMermaid, type DiagramOptions } from "../visualization/diagram.js";
import { dagHandle, idleDagHandle, type RunHandle } from "./handle.js";
import { DagRun, type RunSetup } from "./dag-run.js";
import type { Definable, InstanceOf } from "../engine/definable.js";
import { Placements } from "./placements.js";
import { admission, whenAdmitted } from "../engine/durable/admission.js";
import { warnOfClassName } from "../engine/durable/class-names.js";
import { newRecorder } from "./durable/records.js";
import {
  checkContinueOptions,
  checkRecoverOptions,
  checkReplayOptions,
  checkResumeOptions,
  type ContinueOptions,
  type RecoverOptions,
  type ReplayOptions,
  type ResumeOptions,
} from "./durable/options.js";
import { RecordedDags } from "./durable/recorded-dags.js";
import { takeOver } from "./take-over.js";
import type { Recorder } from "../engine/durable/recorder.js";
import type { Parent } from "../stores/store.js";
import { progressObserver } from "./progress.js";
import { withContinuingDefaults, withDefaults, withRecoveryDefaults } from "../engine/run-defaults.js";
import { standsAlone } from "./branching.js";
import { hooksOf, NO_HOOKS } from "../engine/run-hooks.js";
import { checkIdentity, checkRunId, metadataOf, type Mode } from "../engine/options.js";
import { checkRunOptions, type PartialRunOptions, type RunOptions } from "./options.js";
import { Runs } from "../engine/runs.js";
import { StepState, type StepResult } from "../engine/step.js";

/** What a run would do. */
export interface DryRun {
  readonly workflow: string;
  readonly mode: Mode;
  /**
   * In the order in which `sequential` would run them; `reason` says why a node runs there and not where the mode would
   * have put it.
   */
  readonly nodes: readonly {
    readonly name: string;
    readonly backend: BackendName;
    readonly reason: string | undefined;
  }[];
}

/** The options of a dag. */
export interface DagSettings<G = Record<string, unknown>, I extends object = Record<string, any>> extends DagOptions {
  /** Defaults of every run's options. */
  runOptions?: RunOptions<G, Partial<I>> | undefined;
}

/** Of a class with a single method, the value of a run is what that gives; unknown of others. */
type Single<N, O, V = OnlyResult<N>> = unknown extends V
  ? unknown
  : {
      run(options?: O): Promise<RunResult<N> & { readonly value: V }>;
      runSync(options?: Omit<O, "mode" | "concurrency">): RunResult<N> & { readonly value: V };
    };

/**
 * A workflow without cycles: nodes with named inputs and one result each.
 *
 * Nodes come from an annotated class ({@link Dag.from}) or from the builder's methods. The definition is validated and
 * planned at the first run and after every change; runs may overlap, each has its own state.
 * `N` holds the nodes' result types by name, `I` those of the inputs of a run, and `G` what may be given for the results.
 */
export class Dag<
  N = Record<string, unknown>,
  I extends object = Record<string, any>,
  G = Record<string, any>,
> extends DagDefinition<G> {
  private planned: { readonly revision: number; readonly plans: DagPlans } | undefined;
  private readonly caches = new Caches(this.name);
  private readonly runs = new Runs<RunResult<N>>();
  private readonly recorded = new RecordedDags<N>(this.name, this.runs, {
    plan: (isStrict, inputs) => requireValid(this.planningOf(inputs), isStrict),
    engineOf: (state, options, overrides, recorder, isResumed) =>
      this.engineOf(state, options, false, overrides, recorder, isResumed),
    existing: (node) => this.existing(node),
    overridesOf: (plan, overrides) => this.overridesOf(plan, overrides),
  });
  private readonly placements = new Placements(this.name, this.origin);
  private className: string | undefined;

  /** @throws {InvalidNodeError} | {TypeError} | {RangeError} when the name or an option is not usable */
  constructor(name: string, options?: DagSettings<G, I>) {
    super(name, options);
  }

  /**
   * The dag of an annotated class (instantiated once, for all runs) or of an instance.
   * @throws {InvalidNodeError} INVALID_NODE when the class has no decorated method, or one can't be a node
   */
  static from<S extends object, I extends object = Record<string, any>>(
    source: S & Definable<S>,
    options: DagSettings<StandInsOf<InstanceOf<S>>, I> & { name?: string | undefined } = {},
  ): Single<ResultsOf<InstanceOf<S>>, RunOptions<StandInsOf<InstanceOf<S>>, I>> &
    Dag<ResultsOf<InstanceOf<S>>, I, StandInsOf<InstanceOf<S>>> {
    const { name: own, className, options: annotations, specs } = readNodes(source);
    const { description, metadata, runOptions, autowire, wiring, module } = annotations;
    const { name = own, ...given } = options;
    const annotated = { description, metadata, runOptions, autowire, wiring, module };
    const dag = new Dag<ResultsOf<InstanceOf<S>>, I, StandInsOf<InstanceOf<S>>>(name, merge(annotated, given));
    for (const spec of specs) dag.add(spec);
    dag.className = options.name === undefined ? className : undefined;
    const object = specs[0].self as object;
    instanceUsed(object, dag.origin);
    dag.placements.instance = { object, isGiven: typeof source !== "function", specs };
    return dag as never;
  }

  /** A copy that can be changed on its own. It shares no results, no caches and no last run with this one. */
  clone(): Dag<N, I, G> {
    const copy = new Dag<N, I, G>(this.name, this.options);
    copy.copyFrom(this);
    copy.className = this.className;
    copy.placements.instance = this.placements.instance;
    return copy;
  }

  // --- the definition as a whole ---

  /** Everything wrong or doubtful. With `strict`, isolated nodes and unconnected branches are errors, not warnings. */
  validate(options: { strict?: boolean | undefined } = {}): ValidationIssue[] {
    return issuesOf(this.planning, checkStrict(options, "validate"));
  }

  /** @throws {ValidationError} | {InvalidNodeError} the one problem's own class, or one `ValidationError` with all */
  validateOrThrow(options: { strict?: boolean | undefined } = {}): this {
    requireValid(this.planning, checkStrict(options, "validateOrThrow"));
    return this;
  }

  get isValid(): boolean {
    return this.planning.issues.every(({ severity }) => severity !== "error");
  }

  /** Names in the order in which `sequential` runs them. @throws {ValidationError} when the dag is not valid */
  get executionOrder(): string[] {
    const { order, specs } = this.plan;
    return Array.from(order, (i) => specs[i].name);
  }

  /** The nodes that wait for no other. @throws {ValidationError} when the dag is not valid */
  get entryPoints(): string[] {
    const { indegree, specs } = this.plan;
    return specs.filter((_, i) => indegree[i] === 0).map(({ name }) => name);
  }

  /** Names by their distance from the entry points: no node needs another of its own level. @throws as above */
  get levels(): string[][] {
    const { graph, order, specs } = this.plan;
    const level = levels(graph, order);
    const result: string[][] = [];
    specs.forEach(({ name }, i) => (result[level[i]] ??= []).push(name));
    return result;
  }

  /**
   * What waits for what, by name, each once: needs, parameters that found their node, connections, and `after`.
   * Those of a node stand together, the nodes in order of definition.
   */
  get edges(): DagEdge[] {
    return edgesOf(this.planning.plan);
  }

  /** The inputs of a run: the parameters that no node fills, in order of the nodes that take them. */
  get inputs(): { readonly name: string; readonly required: boolean }[] {
    return this.planning.plan.inputs.map(({ name, required }) => ({ name, required: required.length > 0 }));
  }

  /** What `JSON.stringify` writes. */
  toJSON(): object {
    const { name, description, inputs, edges } = this;
    return { name, description, nodes: [...this], inputs, edges };
  }

  /** A Mermaid flowchart of the dag, coloured by a run if one is given. */
  toMermaid(options: DiagramOptions = {}): string {
    return toMermaid(this.planning.plan, options);
  }

  /** A Graphviz digraph of the dag, coloured by a run if one is given. */
  toDot(options: DiagramOptions = {}): string {
    return toDot(this.planning.plan, options);
  }

  // --- running ---

  /**
   * Runs the dag.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   * @throws {ExecutionError} of the first failure under `failFast`, {CancelledError}, {RunTimeoutError}; `.run` is the
   *   partial result
   */
  run(options?: RunOptions<G, I>): Promise<RunResult<N>> {
    return this.launch(options, undefined, undefined);
  }

  /** Computes a node and all that depends on it; takes what they need from `from` or the last run. Throws as `run`. */
  runFrom(node: Target<keyof N & string>, options?: PartialRunOptions<G, I>): Promise<RunResult<N>> {
    return this.launch(options, node, undefined);
  }

  /** Computes a node and all that it depends on. Throws as `run`. */
  runUntil(node: Target<keyof N & string>, options?: PartialRunOptions<G, I>): Promise<RunResult<N>> {
    return this.launch(options, undefined, node);
  }

  /** Computes the nodes on all paths from one node to another. Throws as `run`, and when there is no path. */
  runBetween(
    first: Target<keyof N & string>,
    last: Target<keyof N & string>,
    options?: PartialRunOptions<G, I>,
  ): Promise<RunResult<N>> {
    return this.launch(options, first, last);
  }

  /** Runs a dag without asynchronous nodes to its end, blocking the thread. Throws what `run` rejects with. */
  runSync(options?: Omit<RunOptions<G, I>, "mode" | "concurrency">): RunResult<N> {
    return this.runs.runSync(this.engine(this.given(options), true));
  }

  /**
   * Starts a run and hands back the means to pause and to cancel it.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   */
  start(own?: RunOptions<G, I>): RunHandle<N> {
    const options = this.given(own);
    const run = this.engine(options, false);
    const never = neverInWorker(this);
    if (never !== undefined) return idleDagHandle(run, never);
    if (options?.ifExists === "attach") return this.startOrAttach(run, options, true);
    return dagHandle(run, this.runs.begin(run, options?.store && whenAdmitted));
  }

  // --- recorded runs ---

  /**
   * Goes on with a recorded run after a pause, a failure, a cancellation or a crash: completed nodes keep their results, all
   * others run, in the same run. A completed run gives its recorded result.
   * @throws {StoreError} NOT_FOUND, LEASE_HELD while the run is driven
   * @throws {ValidationError} when the workflow has changed (unless `allowChanges`), `provide` names a node that did not pause,
   *   or `overrides` one that has completed; otherwise as `run`
   */
  async resume(runId: string, options: ResumeOptions<G>): Promise<RunResult<N>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    checkRunId(runId);
    const all = withContinuingDefaults(this.options.runOptions, options);
    checkResumeOptions(all);
    return this.recorded.resume(runId, all);
  }

  /**
   * Goes on with this workflow's runs whose process is gone, and with paused ones that are due, several at once, the oldest
   * first. Those that another process takes meanwhile are left to it.
   * @returns the results, of runs that fail too
   * @throws once all others are done: the error of the one run that could not go on, or a {RecoverError} with those of all;
   *   `results` is what would have been returned. {StoreError} at once when the store can't be searched
   */
  async recover(options: RecoverOptions): Promise<RunResult<N>[]> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    const all = withRecoveryDefaults(this.options.runOptions, options);
    checkRecoverOptions(all);
    requireValid(this.planning, all.strict === true);
    return this.recorded.recover({ ...all, concurrency: all.nodeConcurrency }, all);
  }

  /**
   * The handle of a recorded run: of one that this process drives through the same store, or takes up as `resume` does.
   * @throws {StoreError} NOT_FOUND, LEASE_HELD while another process drives the run
   * @throws {ValidationError} as `resume`
   */
  async attach(runId: string, options: ResumeOptions<G>): Promise<RunHandle<N>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    checkRunId(runId);
    const all = withContinuingDefaults(this.options.runOptions, options);
    checkResumeOptions(all, "attach");
    return this.recorded.attach(runId, all);
  }

  /** The handles of all runs that `recover` would go on with; they go on at once. @throws as `recover` */
  async attachAll(options: ContinueOptions): Promise<RunHandle<N>[]> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    const all = withContinuingDefaults(this.options.runOptions, options);
    checkContinueOptions(all);
    requireValid(this.planning, all.strict === true);
    return this.recorded.attachAll(all);
  }

  /**
   * Runs some nodes of a recorded run again, and all that depends on them, as a new run that is linked to it and has copies of
   * all other results.
   * @throws {StoreError} NOT_FOUND; {MissingResultError} when what runs again needs a result that the run does not have
   * @throws {ValidationError} when there is no such node, or the workflow has changed (unless `allowChanges`); otherwise as
   *   `run`
   */
  async replay(runId: string, options: ReplayOptions<G>): Promise<RunResult<N>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    checkRunId(runId);
    const all = withContinuingDefaults(this.options.runOptions, options);
    checkReplayOptions(all);
    const make = () => this.recorded.replay(runId, all);
    return this.begin(await make(), all, make);
  }

  /**
   * Runs the next node and stops. Call it again with the state it returned to go on; `options` count for the first step.
   * @throws {TypeError} for a state that was already stepped from, or of another dag; otherwise as `run`
   */
  step(state?: StepState<RunResult<N>>, options?: RunOptions<G, I>): Promise<StepResult<RunResult<N>>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    if (state !== undefined) return StepState.next(this, state);
    const given = this.given(options);
    return StepState.first(this, (observe) => {
      const observers = [...(given?.observers ?? []), observe];
      return this.engine({ ...given, observers, mode: "sequential" }, false);
    });
  }

  /**
   * The plan of a run with these options; runs nothing. Throws what `run` would reject with before anything runs. Where
   * nodes may run on threads, it blocks until a worker has imported the module that defines them.
   */
  dryRun(own: RunOptions<G, I> = {}): DryRun {
    const options = this.given(own) ?? {};
    const { plan } = this.engine(options, false).state;
    const { order, specs } = plan;
    const mode = options.mode ?? "sequential";
    const places = isModuleBody() ? wantedPlaces(specs, mode) : this.placements.now(plan, options);
    return { workflow: this.name, mode, nodes: Array.from(order, (i) => ({ name: specs[i].name, ...places[i] })) };
  }

  /**
   * Forgets cached results: of all nodes, of one, or the one that belongs to `inputs`, by parameter name. What is in memory
   * is forgotten when this returns, what is in a store of your own when the promise resolves.
   * @throws {ValidationError} VALIDATION when there is no such node, it is not cached, or inputs are missing
   */
  invalidateCache(node?: Target<keyof N & string>, inputs?: Readonly<Record<string, unknown>>): Promise<void> {
    const { specs, indexOf } = this.planning.plan;
    if (node === undefined) return this.caches.forget(specs);
    return this.caches.forgetIn(specs[indexOf.get(this.existing(node)) as number], inputs);
  }

  /** The last run that ended, whatever its status. */
  get lastRun(): RunResult<N> | undefined {
    return this.runs.last;
  }

  /** A result of the last run, `fallback` (or undefined) where there is none. */
  get<K extends keyof N & string>(node: K): N[K] | undefined;
  get<K extends keyof N & string, F>(node: K, fallback: F): N[K] | F;
  get(node: string, fallback?: unknown): unknown {
    return this.runs.last === undefined ? fallback : this.runs.last.get(node as never, fallback);
  }

  /** Whether the last run has a result of this node. */
  has(node: keyof N & string): boolean {
    return this.runs.last?.has(node) ?? false;
  }

  /** All results of the last run. */
  get results(): Readonly<Partial<N>> {
    return this.runs.last?.results ?? (Object.create(null) as Partial<N>);
  }

  private get planning(): Planning<DagPlan> {
    return this.planningOf(undefined);
  }

  private planningOf(inputs: Readonly<Record<string, unknown>> | undefined): Planning<DagPlan> {
    const { revision } = this;
    if (this.planned?.revision !== revision) {
      this.planned = { revision, plans: new DagPlans(this) };
      warnOfLostName(this.planned.plans.of(inputs));
    }
    return this.planned.plans.of(inputs);
  }

  private get plan(): DagPlan {
    return requireValid(this.planning, false);
  }

  private launch(
    own: PartialRunOptions<any> | undefined,
    first: Target | undefined,
    last: Target | undefined,
  ): Promise<RunResult<N>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    const options = this.given(own);
    const { from, store } = options ?? NO_OPTIONS;
    if (typeof from === "string") return this.launchFrom(from, options as PartialRunOptions<any>, first, last);
    const isWhole = first === undefined && last === undefined;
    const turn = isWhole && store !== undefined ? admission() : undefined;
    if (turn !== undefined) return turn.then(() => this.launchNow(options, first, last));
    return this.launchNow(options, first, last);
  }

  private launchNow(
    options: PartialRunOptions<any> | undefined,
    first: Target | undefined,
    last: Target | undefined,
  ): Promise<RunResult<N>> {
    // An async function would need no catch, but a second promise for every run.
    try {
      if (first === undefined && last === undefined) return this.begin(this.engine(options, false), options);
      return this.launchPart(options, first, last);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private launchPart(
    options: PartialRunOptions<any> | undefined,
    first: Target | undefined,
    last: Target | undefined,
    parent?: Parent,
  ): Promise<RunResult<N>> {
    const make = () => this.engine(options, false, first, last, parent);
    return this.begin(make(), options, make);
  }

  /**
   * Runs to the end, be it as a run that the store has already.
   * @param again - makes the engine once more
   */
  private begin(
    run: DagRun,
    options: RunOptions<any> | undefined,
    again?: () => DagRun | Promise<DagRun>,
  ): Promise<RunResult<N>> {
    return options?.ifExists === "attach" ? this.startOrAttach(run, options, false, again).result : this.runs.run(run);
  }

  private startOrAttach(
    run: DagRun,
    options: RunOptions<any>,
    hasHandle: boolean,
    again: () => DagRun | Promise<DagRun> = () => this.engine(options, false),
  ): RunHandle<N> {
    checkIdentity(options);
    return this.recorded.startOrAttach(run, options as ResumeOptions<any>, hasHandle, again);
  }

  /** A partial run that takes its results from a recorded one. */
  private async launchFrom(
    from: string,
    options: PartialRunOptions<any>,
    first: Target | undefined,
    last: Target | undefined,
  ): Promise<RunResult<N>> {
    checkRunOptions(options);
    if (options.store === undefined)
      throw new TypeError(`"from" is the id of a run, which takes the "store" it is in.`);
    const given = { ...options, from: await this.recorded.earlier(from, options as ResumeOptions<any>) };
    const start = first ?? last;
    const parent = start === undefined ? undefined : { runId: from, node: this.existing(start) };
    return this.launchPart(given, first, last, parent);
  }

  /** Checks the options against the plan and makes the engine of one run. Nothing has run when this throws. */
  private engine(
    options: PartialRunOptions<any> = NO_OPTIONS,
    sync: boolean,
    first?: Target,
    last?: Target,
    parent?: Parent,
  ): DagRun {
    if (options !== NO_OPTIONS) checkRunOptions(options, this.inputNames);
    const plan = requireValid(this.planningOf(options.inputs), options.strict === true);
    const overrides = options.overrides === undefined ? undefined : this.overridesOf(plan, options.overrides);
    const isPartial = first !== undefined || last !== undefined;
    let active = isPartial ? this.activeIn(plan, first, last) : undefined;
    if (overrides !== undefined) {
      active = sparing(plan, active, (i) => overrides.has(i) && standsAlone(plan, i, overrides.get(i)));
    }
    const inputs = options.inputs ?? NO_INPUTS;
    if (options.inputs !== undefined) checkDagInputs(plan, inputs);
    if (plan.inputs.length > 0) {
      requireInputs(plan, inputs, (node) => (active === undefined || active[node] === 1) && !overrides?.has(node));
    }
    const state = new RunState(plan, inputs, options.runId, active, metadataOf(options));
    if (isPartial && active !== undefined) {
      const from = (options.from as RunResult<any> | undefined) ?? this.runs.last;
      const earlier = from === undefined ? undefined : RunResult.stateOf(from);
      takeOver(state, active, earlier, copiedNodes(plan, active), overrides);
    }
    if (sync && options.store !== undefined) throw new TypeError("runSync can't wait for a store. Use run instead.");
    return this.engineOf(state, options, sync, overrides, options.store && newRecorder(state, options, parent));
  }

  private engineOf(
    state: RunState,
    options: RunOptions<any>,
    sync: boolean,
    overrides: ReadonlyMap<number, unknown> | undefined,
    recorder?: Recorder,
    isResumed = false,
  ): DagRun {
    const { plan } = state;
    const { onProgress, observers = [] } = options;
    if (onProgress !== undefined) {
      const own = { ...options, onProgress: undefined, observers: [...observers, progressObserver(state, onProgress)] };
      return this.engineOf(state, own, sync, overrides, recorder, isResumed);
    }
    if (recorder !== undefined && this.className !== undefined) warnOfClassName(this.name, this.className);
    const hooks = hooksOf(this.defaultHooks, options.hooks);
    const usesThreads = plan.usesThreads || (options.mode === "parallel" && !sync);
    if (sync && usesThreads) throw new TypeError("runSync can't wait for worker threads. Use run instead.");
    const place = usesThreads ? (run: LazyAbort) => this.placements.of(plan, options, state.runId, run) : undefined;
    const isPlain = !sync && overrides === undefined && hooks === NO_HOOKS && place === undefined;
    if (isPlain && recorder === undefined) return new DagRun(state, options, this.plainSetup);
    return new DagRun(state, options, { sync, overrides, hooks, cacheOf: this.caches.of, place, recorder, isResumed });
  }

  private activeIn(plan: DagPlan, first: Target | undefined, last: Target | undefined): Uint8Array {
    const at = (target: Target | undefined) =>
      target === undefined ? undefined : plan.indexOf.get(this.existing(target));
    return activeNodes(plan, at(first), at(last));
  }

  private overridesOf(plan: DagPlan, overrides: Readonly<Record<string, unknown>>): Map<number, unknown> {
    const byNode = new Map<number, unknown>();
    for (const [name, value] of Object.entries(overrides)) {
      byNode.set(plan.indexOf.get(this.existing(name)) as number, value);
    }
    return byNode;
  }

  private given<O extends object>(options: O | undefined): O | undefined {
    return withDefaults(this.options.runOptions, options);
  }

  private readonly inputNames = () => this.planning.plan.inputs.map(({ name }) => name);

  private readonly plainSetup: RunSetup = {
    sync: false,
    overrides: undefined,
    hooks: NO_HOOKS,
    cacheOf: this.caches.of,
    place: undefined,
  };
}

function warnOfLostName(planning: Planning<DagPlan>): void {
  // All issues are looked for only where there may be one of these.
  if (planning.plan.inputs.every(({ required }) => required.length > 0)) return;
  const lost = planning.issues.find(({ code }) => code === "LOST_NAME");
  if (lost !== undefined) warn(lost.message, "DagwrightWarning");
}

const NO_OPTIONS: PartialRunOptions<any> = Object.freeze({});
const NO_INPUTS: Readonly<Record<string, unknown>> = Object.freeze({});
