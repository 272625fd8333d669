import { merge } from "../base/merge.js";
import type { Source } from "../base/source.js";
import { wantedPlaces } from "../backends/wanted-places.js";
import { readNodes } from "../definition/class-methods.js";
import { readDocument, writeDocument, type FromDataOptions } from "../definition/data/document.js";
import { registerFormat } from "../definition/data/format.js";
import { fromYaml, toYaml } from "../definition/data/yaml.js";
import { registerInstance } from "../definition/origin/class-registry.js";
import { registerMaker } from "../definition/subworkflow.js";
import type { Target } from "../definition/node-handle.js";
import { isModuleBody, neverInWorker } from "../definition/origin/worker-scope.js";
import type { OnlyResult, ResultsOf, StandInsOf } from "../definition/typings/typed-results.js";
import type { InstanceOf, WorkflowSource } from "../engine/workflow-source.js";
import { checkSendOptions, type SendOptions } from "../engine/durable/options.js";
import { checkEvent, checkedPayload } from "../engine/events/payloads.js";
import { checkRunId, type Mode } from "../engine/options.js";
import { withContinuingDefaults } from "../engine/run-defaults.js";
import { flowLevels } from "../planning/flow.js";
import { placeOfEvent } from "../planning/event-places.js";
import type { InputReport } from "../planning/declared-inputs.js";
import { edgesOf, type DagEdge, type DagPlan } from "../planning/plan.js";
import { dagInputReports, sinksOf } from "../planning/surface.js";
import { dagGraph, type DagGraph } from "../planning/workflow-graph.js";
import type { BackendName } from "../definition/specs/backend.js";
import type { RunResult } from "../run/result.js";
import { toDot, toMermaid, type DiagramOptions, type PlanOf } from "../visualization/diagram.js";
import { DagBuilder } from "./dag-builder.js";
import { DAG_FIELDS, dagJson, readDag, type DagJson, type ReadDag } from "./dag-json.js";
import type { NodeInstance } from "../backends/thread/placement.js";
import { DagRunFactory } from "./dag-run-factory.js";
import { checkReplayOptions, type ReplayOptions } from "./durable/options.js";
import { RecordedDags } from "./durable/recorded-dags.js";
import { checkRunOptions, type DagOptions, type PartialRunOptions, type RunOptions } from "./options.js";
import { LiveDag } from "./live/live-dag.js";
import type { LiveOptions } from "./live/options.js";
import { liveSource } from "./live/source.js";
import type { StreamItem } from "./over-stream/run-stream.js";
import type { StreamOptions } from "./over-stream/options.js";
import { overStream, type StreamedDag } from "./over-stream/over-stream.js";

/** What diagrams draw of a workflow in a node. Assigned in the class, whose plans are private. */
let planOf: PlanOf = () => undefined;

/** The result of a dry run. */
export interface DryRun {
  /** The name of the dag. */
  readonly workflow: string;
  /** The mode of the run: the option, or its default. */
  readonly mode: Mode;
  /**
   * In the order in which `sequential` would run them; `reason` says why a node does not run where the mode would
   * place it.
   */
  readonly nodes: readonly {
    readonly name: string;
    /** The nodes that it waits for. */
    readonly needs: readonly string[];
    readonly backend: BackendName;
    readonly reason: string | undefined;
  }[];
}

/** The value of a run: the result of the only method of a class; unknown for other classes. */
type Single<N, O, V = OnlyResult<N>> = unknown extends V
  ? unknown
  : {
      run(options?: O): Promise<RunResult<N> & { readonly value: V }>;
      runSync(options?: Omit<O, "mode" | "concurrency">): RunResult<N> & { readonly value: V };
    };

/**
 * A workflow without cycles: nodes with named inputs and one result each.
 *
 * Nodes come from an annotated class ({@link Dag.from}) or from the methods of the builder. `N` holds the types of the
 * nodes' results by name, `I` those of a run's inputs, `G` those of values that may replace the results.
 */
export class Dag<
  N = Record<string, unknown>,
  I extends object = Record<string, any>,
  G = Record<string, any>,
> extends DagBuilder<N, I, G> {
  static {
    planOf = (workflow) => {
      if (!(workflow instanceof Dag)) return undefined;
      const { plan, errors } = workflow.factory.planned.latest.of(undefined);
      return errors.length === 0 ? plan : undefined;
    };
    registerFormat<Dag<any>>("dag", {
      fields: DAG_FIELDS,
      write: dagJson,
      read: (section) => {
        const read = readDag(section);
        return () => Dag.#made(read);
      },
    });
  }

  static #made({ name, options, specs, connections, defaultHooks }: ReadDag): Dag<any> {
    const dag = new Dag<any>(name, options);
    for (const spec of specs) dag.add(spec);
    for (const { to, connection } of connections) dag.addConnection(to, connection);
    if (defaultHooks !== undefined) dag.setDefaultHooks(defaultHooks);
    return dag;
  }

  readonly kind = "dag";
  protected readonly factory = new DagRunFactory<N>(this);
  protected readonly recorded = new RecordedDags<N>(this.factory, this.runs);

  /**
   * The dag of an annotated class (instantiated once, for all runs) or of an instance.
   * @throws {InvalidNodeError} INVALID_NODE when the class has no decorated method, or one can't be a node
   */
  static from<S extends object, I extends object = Record<string, any>>(
    source: S & WorkflowSource<S>,
    options: DagOptions<StandInsOf<InstanceOf<S>>, I> & { name?: string | undefined } = {},
  ): Single<ResultsOf<InstanceOf<S>>, RunOptions<StandInsOf<InstanceOf<S>>, I>> &
    Dag<ResultsOf<InstanceOf<S>>, I, StandInsOf<InstanceOf<S>>> {
    const { name: own, className, options: annotations, instance, specs } = readNodes(source);
    const { description, metadata, errorStrategy, runOptions, inputs, autowire, wiring, module, backends } =
      annotations;
    const { name = own, ...given } = options;
    const annotated = { description, metadata, errorStrategy, runOptions, inputs, autowire, wiring, module, backends };
    const dag = new Dag<ResultsOf<InstanceOf<S>>, I, StandInsOf<InstanceOf<S>>>(name, merge(annotated, given));
    for (const spec of specs) dag.add(spec);
    dag.factory.className = options.name === undefined ? className : undefined;
    registerInstance(instance, dag.origin);
    dag.factory.placements.instance = { object: instance, isGiven: typeof source !== "function", specs };
    return dag as never;
  }

  /**
   * The dag that {@link Dag.toJSON} has written, as an object or as text.
   * @throws {ValidationError} VALIDATION listing all functions and values that are not given, and all versions, kinds
   *   and fields that are unknown or invalid
   */
  static fromJSON<F extends object>(
    json: unknown,
    options: FromDataOptions<F>,
  ): Dag<ResultsOf<F>, Record<string, any>, StandInsOf<F>> {
    return readDocument("dag", json, options) as never;
  }

  /**
   * The dag that {@link Dag.toYAML} has written.
   * @throws {Error} when the package yaml is not installed; {ValidationError} as {@link Dag.fromJSON}
   */
  static fromYAML<F extends object>(
    text: string,
    options: FromDataOptions<F>,
  ): Dag<ResultsOf<F>, Record<string, any>, StandInsOf<F>> {
    return Dag.fromJSON(fromYaml(text), options);
  }

  /** An independent copy of the definition. It shares no results, caches or last run with this one. */
  clone(): Dag<N, I, G> {
    const copy = new Dag<N, I, G>(this.name, this.options);
    copy.copyFrom(this);
    copy.factory.className = this.factory.className;
    copy.factory.placements.instance = this.factory.placements.instance;
    return copy;
  }

  // --- the definition as a whole ---

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

  /** Names by distance from the entry points: no node needs another one of its level. @throws as above */
  get levels(): string[][] {
    const { flow, order, specs } = this.plan;
    const level = flowLevels(flow, order);
    const result: string[][] = [];
    specs.forEach(({ name }, i) => (result[level[i]] ??= []).push(name));
    return result;
  }

  /**
   * The edges by name, without repeats: needs, parameters that found their node, connections, and `after`. They are
   * grouped by node, in order of definition.
   */
  get edges(): DagEdge[] {
    return edgesOf(this.factory.planning.plan);
  }

  /** The nodes and edges, as pictures draw them, also of a dag that is not valid. */
  get graph(): DagGraph {
    return dagGraph(this.factory.planning.plan);
  }

  /**
   * The inputs of a run: the parameters that no node fills, in order of the nodes that take them, then the inputs that
   * only a schema declares.
   */
  get inputs(): readonly InputReport[] {
    return dagInputReports(this.factory.planning.plan, this.declaredInputs);
  }

  /**
   * The definition as data: name, options, hooks, nodes with their kinds, needs and options, connections, and all
   * workflows inside. Not the functions, and not `module`. Anything that is not data (functions in options, schemas, class
   * instances …) is written as `{ $value: path }`. {@link Dag.fromJSON} makes an equal dag of it.
   */
  toJSON(): DagJson {
    return writeDocument(this) as DagJson;
  }

  /** {@link Dag.toJSON} as YAML. @throws {Error} when the package yaml is not installed */
  toYAML(): string {
    return toYaml(this.toJSON());
  }

  /** A Mermaid flowchart of the dag, coloured by a run if one is given. */
  toMermaid(options: DiagramOptions = {}): string {
    return toMermaid(this.factory.planning.plan, options, planOf);
  }

  /** A Graphviz digraph of the dag, coloured by a run if one is given. */
  toDot(options: DiagramOptions = {}): string {
    return toDot(this.factory.planning.plan, options, planOf);
  }

  // --- streams ---

  /**
   * One run for each item of a source, as an async iterable of `{ index, input, run }`, or of values: different nodes
   * work on different items at once. It can be read once, and pulls only as fast as it is read: nothing before the first
   * item is asked for, then at most `concurrency` items ahead. Memory does not grow with the number of items. Leaving the
   * loop closes the source and cancels the runs in flight.
   * @param source - an iterable, an async iterable, a Node `Readable` or a Web `ReadableStream`: of records of inputs,
   *   or with `input` of values for that input
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything is pulled. While it is
   *   read: {StreamError} for the first item that fails, unless `onItemError` says otherwise, and for a source that
   *   throws; {CancelledError} when `signal` aborts
   */
  stream<T extends I[K], K extends keyof I & string>(
    source: Source<T>,
    options: StreamOptions<G, I> & { input: K; values: true },
  ): AsyncIterable<OnlyResult<N>>;
  stream<T extends I[K], K extends keyof I & string>(
    source: Source<T>,
    options: StreamOptions<G, I> & { input: K; values?: false | undefined },
  ): AsyncIterable<StreamItem<T, RunResult<N>>>;
  stream<T extends Partial<I>>(
    source: Source<T>,
    options: StreamOptions<G, I> & { input?: undefined; values: true },
  ): AsyncIterable<OnlyResult<N>>;
  stream<T extends Partial<I>>(
    source: Source<T>,
    options?: StreamOptions<G, I> & { input?: undefined; values?: false | undefined },
  ): AsyncIterable<StreamItem<T, RunResult<N>>>;
  stream(source: Source<any>, options: StreamOptions<any, any> = {}): AsyncIterable<unknown> {
    const { factory } = this;
    const streamed: StreamedDag = {
      name: this.name,
      withDefaults: (given) => this.withDefaults(given) as RunOptions<any>,
      check: (given, unknown) => void factory.create(given, "run", undefined, { unknown }),
      inputNames: () => this.inputs.map(({ name }) => name),
      checkNode: (name) => void this.specOf(name),
      create: (given, item, limits) => factory.createItem(given, item, limits),
      start: (run, onEnd) => this.runs.start(run, onEnd),
      run: (given, limits) => this.execute(given, () => factory.create(given, "run", undefined, { limits })),
      never: () => neverInWorker(this),
    };
    return overStream(streamed, source, options);
  }

  // --- live dags ---

  /**
   * A dag that stays up to date: it computes all nodes, and after each change of its inputs those that depend on it. Close
   * it in the end, for example with `await using`.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   */
  live(options: LiveOptions<G, I> = {}): LiveDag<N, I> {
    return new LiveDag<N, I>({ ...liveSource(this, this.factory, options), never: neverInWorker(this) });
  }

  // --- partial runs ---

  /** Computes a node and its dependents; takes other results from `from` or the last run. Throws as `run`. */
  runFrom(node: Target<keyof N & string>, options?: PartialRunOptions<G, I>): Promise<RunResult<N>> {
    return this.runPart(options, { first: node });
  }

  /** Computes a node and everything it depends on. Throws as `run`. */
  runUntil(node: Target<keyof N & string>, options?: PartialRunOptions<G, I>): Promise<RunResult<N>> {
    return this.runPart(options, { last: node });
  }

  /** Computes the nodes on all paths from one node to another. Throws as `run`, and when there is no path. */
  runBetween(
    first: Target<keyof N & string>,
    last: Target<keyof N & string>,
    options?: PartialRunOptions<G, I>,
  ): Promise<RunResult<N>> {
    return this.runPart(options, { first, last });
  }

  /**
   * Runs some nodes of a recorded run again, with their dependents, as a new run that is linked to it and has copies of
   * all other results.
   * @throws {StoreError} NOT_FOUND; {MissingResultError} when a node that runs again needs a result that the run lacks
   * @throws {ValidationError} when there is no such node, or the workflow has changed (unless `allowChanges`);
   *   otherwise as `run`
   */
  async replay(runId: string, options: ReplayOptions<G>): Promise<RunResult<N>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    checkRunId(runId);
    const given = withContinuingDefaults(this.defaults, options);
    checkReplayOptions(given);
    return this.executeRecorded(given as RunOptions<any>, () => this.recorded.replay(runId, given));
  }

  /**
   * Returns the plan of a run with these options, without running it. Throws what `run` would reject with before
   * anything runs. If nodes may run on threads, blocks until a worker has imported the module that defines them.
   */
  dryRun(options: RunOptions<G, I> = {}): DryRun {
    const given: RunOptions<any> = this.withDefaults<RunOptions<any>>(options) ?? {};
    const { state, options: routed } = this.factory.create(given, "run");
    const { plan } = state;
    const { order, specs } = plan;
    const mode = given.mode ?? "sequential";
    const places = isModuleBody()
      ? wantedPlaces(specs, mode, routed.routing)
      : this.factory.placements.now(plan, routed);
    const needs = specs.map(() => new Set<string>());
    for (const { from, to } of this.edges) needs[plan.indexOf.get(to) as number].add(from);
    const nodes = Array.from(order, (i) => {
      const { backend, reason } = places[i];
      return { name: specs[i].name, needs: Array.from(needs[i]), backend, reason };
    });
    return { workflow: this.name, mode, nodes };
  }

  // --- events ---

  /**
   * Sends an event to a recorded run, whether this process drives it, another one, or none. Resolves when the event is
   * recorded. The run takes it once: at once or within a second if it is driven, or when `recover` or `resume` continues
   * it. Events are taken in the order in which they were recorded, also those sent before a node waits for them.
   * @param event - for a node of a workflow inside, with the way to it: `"check.PAID"`, `"check[3].PAID"`. A run that a
   *   node begins with `ctx.run` is sent events by its own id, by its own workflow
   * @throws {ValidationError} for an event that no node waits for, a payload that its schema refuses, a run of another
   *   workflow; {ExecutionError} when the nodes that wait for it are over; {StoreError} NOT_FOUND, RUN_ENDED, UNSTORABLE
   */
  async send(runId: string, event: string, payload: unknown, options: SendOptions): Promise<void> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    checkRunId(runId);
    checkEvent(event, payload);
    checkSendOptions(options);
    const { way, event: name, nodes, schema } = placeOfEvent(this, event);
    const { store, key } = options;
    // Checking it takes time, in which the caller may change it.
    const checked = await checkedPayload(event, store.copyOf(payload), schema);
    await store.send({ runId, workflow: this.name, kind: this.kind, way, event: name, payload: checked, nodes, key });
  }

  /**
   * The instance whose methods are the nodes; undefined if there is none.
   * @internal
   */
  get instance(): NodeInstance | undefined {
    return this.factory.placements.instance;
  }

  /** @internal */
  sendTo(runId: string, event: string, payload: unknown, options: SendOptions): Promise<void> {
    return this.send(runId, event, payload, options);
  }

  /** @internal */
  submitReplay(runId: string, options: ReplayOptions<any>): Promise<string> {
    const given = withContinuingDefaults(this.defaults, options);
    checkReplayOptions(given);
    return this.recorded.submitReplay(runId, given);
  }

  // --- the last run ---

  /** A result of the last run, or `fallback` (else undefined) if there is none. */
  get<K extends keyof N & string>(node: K): N[K] | undefined;
  get<K extends keyof N & string, F>(node: K, fallback: F): N[K] | F;
  get(node: string, fallback?: unknown): unknown {
    return this.runs.last === undefined ? fallback : this.runs.last.get(node as never, fallback);
  }

  protected get sinks(): string[] {
    return sinksOf(this.plan);
  }

  private get plan(): DagPlan {
    return this.factory.planFor(undefined);
  }

  private runPart(
    own: PartialRunOptions<any> | undefined,
    { first, last }: { readonly first?: Target; readonly last?: Target },
  ): Promise<RunResult<N>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    const options = this.withDefaults(own);
    const from = options?.from;
    const range = () => ({ first: first && this.specOf(first).name, last: last && this.specOf(last).name });
    if (typeof from === "string") return this.runPartOf(from, options as PartialRunOptions<any>, range);
    return this.execute(options, () => this.factory.create(options, "run", { ...range(), from: from ?? this.lastRun }));
  }

  /** A partial run that takes its results from a recorded one. */
  private async runPartOf(
    runId: string,
    options: PartialRunOptions<any>,
    range: () => { readonly first: string | undefined; readonly last: string | undefined },
  ): Promise<RunResult<N>> {
    checkRunOptions(options);
    const part = range();
    const from = await this.recorded.earlier(runId, options);
    const parent = { runId, node: (part.first ?? part.last) as string };
    return this.executeRecorded(options, () => this.factory.create(options, "run", { ...part, from, parent }));
  }
}

registerMaker("dag", (source) => Dag.from(source));
