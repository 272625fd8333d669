import type { LazyAbort } from "../base/abort.js";
import type { DagwrightError, ValidationIssue } from "../base/errors.js";
import { wantedPlaces } from "../backends/placement.js";
import { readNodes } from "../definition/class-methods.js";
import { DagDefinition } from "../definition/dag-definition.js";
import type { DagOptions } from "../definition/dag-options.js";
import type { Target } from "../definition/node-handle.js";
import type { NodeSpec } from "../definition/node-spec.js";
import type { ResultsOf } from "../definition/typed-wiring.js";
import { isModuleBody, neverInWorker } from "../definition/worker-scope.js";
import { levels } from "../graph/order.js";
import { planDag } from "../planning/build-plan.js";
import { activeNodes, copiedNodes, requireResults } from "../planning/partial.js";
import { checkKnownInputs, requireInputs } from "../planning/inputs.js";
import type { DagPlan } from "../planning/plan.js";
import { issuesOf, requireValid, type Planning } from "../planning/validity.js";
import { Caches } from "../policies/caches.js";
import type { BackendName } from "../run/place.js";
import { RunResult } from "../run/result.js";
import { RunState } from "../run/state.js";
import { toDot, toMermaid, type DiagramOptions } from "../visualization/diagram.js";
import { DagRun, type RunSetup } from "./dag-run.js";
import type { Definable, InstanceOf } from "./definable.js";
import { Placements } from "./placements.js";
import { eventStream } from "./event-stream.js";
import type { RunEvent } from "../run/events.js";
import { hooksOf, NO_HOOKS } from "./run-hooks.js";
import { checkRunOptions, type Mode, type PartialRunOptions, type RunOptions } from "./run-options.js";
import { StepState, type StepResult } from "./step.js";

/** A run in progress. */
export interface RunHandle<N = Record<string, unknown>> {
  readonly runId: string;
  /** Settles as `run` would. */
  readonly result: Promise<RunResult<N>>;
  /** Starts no more nodes; resolves when those in flight have settled, with status `paused` if something is left to do. */
  pause(): Promise<RunResult<N>>;
  /** Ends the run now; resolves with what it has so far, status `cancelled`. */
  cancel(reason?: unknown): Promise<RunResult<N>>;
  /**
   * What happens from now on, for `for await`; ends with the run. Called in the same turn as `start`, it tells everything.
   */
  events(): AsyncIterableIterator<RunEvent>;
}

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

/**
 * A workflow without cycles: nodes with named inputs and one result each.
 *
 * Nodes come from an annotated class ({@link Dag.from}) or from the builder's methods. The definition is validated and
 * planned at the first run and after every change; runs may overlap, each has its own state.
 * `N` holds the nodes' result types by name.
 */
export class Dag<N = Record<string, unknown>> extends DagDefinition {
  private planned: { readonly revision: number; readonly planning: Planning<DagPlan> } | undefined;
  private readonly caches = new Caches(this.name);
  private finished: RunResult<N> | undefined;
  private readonly placements = new Placements(this.name, this.origin);

  /**
   * The dag of an annotated class (instantiated once, for all runs) or of an instance.
   * @throws {InvalidNodeError} INVALID_NODE when the class has no decorated method, or one can't be a node
   */
  static from<S extends object>(source: S & Definable<S>, options: DagOptions = {}): Dag<ResultsOf<InstanceOf<S>>> {
    const { name, options: own, specs } = readNodes(source);
    const { description, autowire, wiring, module } = own;
    const dag = new Dag<ResultsOf<InstanceOf<S>>>(name, { description, autowire, wiring, module, ...options });
    for (const spec of specs) dag.add(spec);
    dag.placements.instance = { object: specs[0].self as object, isGiven: typeof source !== "function" };
    return dag;
  }

  /** A copy that can be changed on its own. It shares no results, no caches and no last run with this one. */
  clone(): Dag<N> {
    const copy = new Dag<N>(this.name, this.options);
    copy.copyFrom(this);
    copy.placements.instance = this.placements.instance;
    return copy;
  }

  // --- the definition as a whole ---

  /** Everything wrong or doubtful. With `strict`, isolated nodes and unconnected branches are errors, not warnings. */
  validate(options: { strict?: boolean } = {}): ValidationIssue[] {
    return issuesOf(this.planning, options.strict === true);
  }

  /** @throws {ValidationError} | {InvalidNodeError} the one problem's own class, or one `ValidationError` with all */
  validateOrThrow(options: { strict?: boolean } = {}): this {
    requireValid(this.planning, options.strict === true);
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
  run(options?: RunOptions<N>): Promise<RunResult<N>> {
    return this.launch(options, undefined, undefined);
  }

  /** Computes a node and all that depends on it; takes what they need from `from` or the last run. Throws as `run`. */
  runFrom(node: Target, options?: PartialRunOptions<N>): Promise<RunResult<N>> {
    return this.launch(options, node, undefined);
  }

  /** Computes a node and all that it depends on. Throws as `run`. */
  runUntil(node: Target, options?: PartialRunOptions<N>): Promise<RunResult<N>> {
    return this.launch(options, undefined, node);
  }

  /** Computes the nodes on all paths from one node to another. Throws as `run`, and when there is no path. */
  runBetween(first: Target, last: Target, options?: PartialRunOptions<N>): Promise<RunResult<N>> {
    return this.launch(options, first, last);
  }

  /** Runs a dag without asynchronous nodes to its end, blocking the thread. Throws what `run` rejects with. */
  runSync(options?: Omit<RunOptions<N>, "mode" | "concurrency">): RunResult<N> {
    let outcome: { result: RunResult<N>; error: DagwrightError | undefined } | undefined;
    this.engine(options, true).start((result, error) => {
      this.finished = result;
      outcome = { result, error };
    });
    if (outcome === undefined) throw new Error("A synchronous run did not end.");
    if (outcome.error !== undefined) throw outcome.error;
    return outcome.result;
  }

  /**
   * Starts a run and hands back the means to pause and to cancel it.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   */
  start(options?: RunOptions<N>): RunHandle<N> {
    const run = this.engine(options, false);
    const never = neverInWorker(this);
    const events = () => eventStream((observer) => run.observe(observer));
    if (never !== undefined) {
      return { runId: run.state.runId, result: never, pause: () => never, cancel: () => never, events };
    }
    let partial: RunResult<N> | undefined;
    const result = new Promise<RunResult<N>>((resolve, reject) => {
      run.startSoon((ended, error) => {
        this.finished = partial = ended;
        if (error === undefined) resolve(ended);
        else reject(error);
      });
    });
    // Whoever holds the handle may look at the result later, or not at all.
    const ended = result.catch(() => partial as RunResult<N>);
    return {
      get runId() {
        return run.state.runId;
      },
      result,
      pause: () => (run.go(), run.pause(), result),
      cancel: (reason) => (run.go(), run.cancel(reason), ended),
      events,
    };
  }

  /**
   * Runs the next node and stops. Call it again with the state it returned to go on; `options` count for the first step.
   * @throws {TypeError} for a state that was already stepped from, or of another dag; otherwise as `run`
   */
  step(state?: StepState<RunResult<N>>, options?: RunOptions<N>): Promise<StepResult<RunResult<N>>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    if (state !== undefined) return StepState.next(this, state);
    return StepState.first(this, (observe) => {
      const observers = [...(options?.observers ?? []), observe];
      return this.engine({ ...options, observers, mode: "sequential" }, false);
    });
  }

  /**
   * The plan of a run with these options; runs nothing. Throws what `run` would reject with before anything runs. Where
   * nodes may run on threads, it blocks until a worker has imported the module that defines them.
   */
  dryRun(options: RunOptions<N> = {}): DryRun {
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
  invalidateCache(node?: Target, inputs?: Readonly<Record<string, unknown>>): Promise<void> {
    if (node === undefined) return this.caches.forget(this.nodes.values());
    return this.caches.forgetIn(this.nodes.get(this.existing(node)) as NodeSpec, inputs);
  }

  /** The last run that ended, whatever its status. */
  get lastRun(): RunResult<N> | undefined {
    return this.finished;
  }

  /** A result of the last run, `fallback` (or undefined) where there is none. */
  get<K extends keyof N & string>(node: K): N[K] | undefined;
  get<K extends keyof N & string, F>(node: K, fallback: F): N[K] | F;
  get(node: string, fallback?: unknown): unknown {
    return this.finished === undefined ? fallback : this.finished.get(node as never, fallback);
  }

  /** Whether the last run has a result of this node. */
  has(node: keyof N & string): boolean {
    return this.finished?.has(node) ?? false;
  }

  /** All results of the last run. */
  get results(): Readonly<Partial<N>> {
    return this.finished?.results ?? (Object.create(null) as Partial<N>);
  }

  private get planning(): Planning<DagPlan> {
    if (this.planned?.revision !== this.revision) {
      this.planned = { revision: this.revision, planning: planDag(this) };
    }
    return this.planned.planning;
  }

  private get plan(): DagPlan {
    return requireValid(this.planning, false);
  }

  private launch(
    options: PartialRunOptions<N> | undefined,
    first: Target | undefined,
    last: Target | undefined,
  ): Promise<RunResult<N>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    return new Promise((resolve, reject) => {
      this.engine(options, false, first, last).start((result, error) => {
        this.finished = result;
        if (error === undefined) resolve(result);
        else reject(error);
      });
    });
  }

  /** Checks the options against the plan and makes the engine of one run. Nothing has run when this throws. */
  private engine(options: PartialRunOptions<N> = NO_OPTIONS, sync: boolean, first?: Target, last?: Target): DagRun {
    if (options !== NO_OPTIONS) checkRunOptions(options);
    const plan = requireValid(this.planning, options.strict === true);
    const overrides = options.overrides === undefined ? undefined : this.overridesOf(plan, options.overrides);
    const active = first === undefined && last === undefined ? undefined : this.activeIn(plan, first, last);
    const inputs = options.inputs ?? NO_INPUTS;
    if (options.inputs !== undefined)
      checkKnownInputs(plan.workflow, new Set(plan.inputs.map(({ name }) => name)), inputs);
    if (plan.inputs.length > 0) {
      requireInputs(plan, inputs, (node) => (active === undefined || active[node] === 1) && !overrides?.has(node));
    }
    const state = new RunState(plan, inputs, options.runId, active, options.context?.metadata);
    if (active !== undefined) takeOver(state, active, options.from ?? this.finished, overrides);
    const hooks = hooksOf(this.defaultHooks, options.hooks);
    const usesThreads = plan.usesThreads || (options.mode === "parallel" && !sync);
    if (sync && usesThreads) throw new TypeError("runSync can't wait for worker threads. Use run instead.");
    const place = usesThreads ? (run: LazyAbort) => this.placements.of(plan, options, state.runId, run) : undefined;
    const plain = !sync && overrides === undefined && hooks === NO_HOOKS && place === undefined;
    const cacheOf = this.caches.of;
    return new DagRun(state, options, plain ? this.plainSetup : { sync, overrides, hooks, cacheOf, place });
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

  private readonly plainSetup: RunSetup = {
    sync: false,
    overrides: undefined,
    hooks: NO_HOOKS,
    cacheOf: this.caches.of,
    place: undefined,
  };
}

const NO_OPTIONS: PartialRunOptions<any> = Object.freeze({});
const NO_INPUTS: Readonly<Record<string, unknown>> = Object.freeze({});

/** Copies what still holds of an earlier run into the state of a partial one. */
function takeOver(
  state: RunState,
  active: Uint8Array,
  earlier: RunResult<any> | undefined,
  overrides: ReadonlyMap<number, unknown> | undefined,
): void {
  const { plan } = state;
  const from = earlier === undefined ? undefined : RunResult.stateOf(earlier);
  const indexIn = (i: number) => from?.plan.indexOf.get(plan.specs[i].name);
  const has = (i: number) => {
    const index = indexIn(i);
    return from !== undefined && index !== undefined && from.hasResult(index);
  };
  requireResults(plan, active, (i) => has(i) || overrides?.has(i) === true);
  const copied = copiedNodes(plan, active);
  for (let i = 0; i < plan.size; i++) {
    if (copied[i] === 0 || !has(i) || from === undefined) continue;
    const index = indexIn(i) as number;
    state.values[i] = from.values[index];
    state.facts.copied.add(i);
    const branch = from.branchOf(index);
    if (branch !== undefined) state.facts.branches.set(i, branch);
  }
}
