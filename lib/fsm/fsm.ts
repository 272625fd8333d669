import { checkName, checkType, show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import { merge } from "../base/merge.js";
import { readStates } from "../definition/class-methods.js";
import { registerMaker } from "../definition/subworkflow.js";
import { readDocument, writeDocument, type FromDataOptions } from "../definition/data/document.js";
import { registerFormat } from "../definition/data/format.js";
import { fromYaml, toYaml } from "../definition/data/yaml.js";
import { neverInWorker } from "../definition/origin/worker-scope.js";
import type { DeclaredPayloads, EventsOf, StatesOf } from "../definition/typings/typed-states.js";
import type { InstanceOf, WorkflowSource } from "../engine/workflow-source.js";
import { checkSendOptions } from "../engine/durable/options.js";
import { checkedPayload } from "../engine/events/payloads.js";
import { checkRunId } from "../engine/options.js";
import type { RecordedWorkflow } from "../engine/workflow.js";
import type { InputReport } from "../planning/declared-inputs.js";
import { placeOfEvent } from "../planning/event-places.js";
import { fsmEdges, type FsmEdge } from "../planning/fsm-plan.js";
import { FSM_SINKS, fsmInputReports } from "../planning/surface.js";
import { requireValid } from "../planning/validity.js";
import { fsmGraph, type FsmGraph } from "../planning/workflow-graph.js";
import type { StateKey } from "../run/fsm-result.js";
import type { Cycle } from "../run/history.js";
import { stateDiagram, stateDot, type StateDiagramOptions } from "../visualization/state-diagram.js";
import { toXState, type XStateConfig } from "../visualization/xstate.js";
import type { FsmSendOptions } from "./durable/options.js";
import { RecordedFsms } from "./durable/recorded-fsms.js";
import { FsmBuilder, type FsmTypes } from "./fsm-builder.js";
import { FSM_FIELDS, fsmJson, readFsm, type FsmJson, type ReadFsm } from "./fsm-json.js";
import { FsmRunFactory } from "./fsm-run-factory.js";
import type { FsmOptions } from "./options.js";

/**
 * Called after one state executed and before the next one does, but not before the first or after the last. May be
 * async. Throwing vetoes the transition.
 */
export type StateHook = (fsm: Fsm<any, any, any>, from: string, to: string, result: unknown) => unknown;

/**
 * A state machine: states that return values, and the transitions between them.
 *
 * States come from an annotated class ({@link Fsm.from}) or from the methods of the builder. `S` holds the types of the
 * states' values by name, `I` those of a run's inputs, `E` those of event payloads.
 */
export class Fsm<
  S = Record<string, unknown>,
  I extends object = Record<string, any>,
  E = Record<string, any>,
> extends FsmBuilder<S, I, E> {
  static {
    registerFormat<Fsm<any, any, any>>("fsm", {
      fields: FSM_FIELDS,
      write: (fsm, writer) => fsmJson(fsm, { ...fsm.additions, stateHooks: fsm.stateHooks }, writer),
      read: (section) => {
        const read = readFsm(section);
        return () => Fsm.#made(read);
      },
    });
  }

  static #made(read: ReadFsm): Fsm<any, any, any> {
    const fsm = new Fsm<any, any, any>(read.name, read.options);
    for (const spec of read.specs) fsm.add(spec);
    for (const { from, to, condition } of read.transitions) fsm.addTransition(from, to, condition);
    for (const name of read.terminalStates) fsm.addTerminalState(name);
    if (read.initialState !== undefined) fsm.setInitialState(read.initialState);
    for (const hook of read.stateHooks) fsm.addStateHook(hook as StateHook);
    if (read.defaultHooks !== undefined) fsm.setDefaultHooks(read.defaultHooks);
    return fsm;
  }

  readonly kind = "fsm";
  protected readonly factory = new FsmRunFactory<S, E>(this, this.options);
  protected readonly recorded: RecordedWorkflow<FsmTypes<S, I, E>> = new RecordedFsms<S, E>(this.factory, this.runs);
  private readonly stateHooks: StateHook[] = [];

  /**
   * The fsm of an annotated class (instantiated once, for all runs) or of an instance.
   * @throws {InvalidNodeError} INVALID_NODE when the class has no method with `@state`, or one can't be a state
   */
  static from<C extends object, I extends object = Record<string, any>, E = EventsOf<InstanceOf<C>>>(
    source: C & WorkflowSource<C>,
    options: FsmOptions<I, E> & { name?: string | undefined } = {},
  ): Fsm<StatesOf<InstanceOf<C>>, I, DeclaredPayloads<E, EventsOf<InstanceOf<C>>>> {
    const { name: own, className, options: annotations, specs } = readStates(source);
    const { description, metadata, errorStrategy, runOptions, inputs, events } = annotations;
    const { maxCycles, errorState, historyLimit } = annotations;
    const { name = own, ...given } = options;
    const shared = { description, metadata, errorStrategy, runOptions, inputs };
    const annotated = { ...shared, events, maxCycles, errorState, historyLimit };
    const fsm = new Fsm<StatesOf<InstanceOf<C>>, I, any>(name, merge(annotated, given as FsmOptions<I>));
    for (const spec of specs) fsm.add(spec);
    fsm.factory.className = options.name === undefined ? className : undefined;
    return fsm;
  }

  /**
   * The fsm that {@link Fsm.toJSON} has written, as an object or as text.
   * @throws {ValidationError} VALIDATION listing all functions and values that are not given, and all versions, kinds
   *   and fields that are unknown or invalid
   */
  static fromJSON<F extends object>(
    json: unknown,
    options: FromDataOptions<F>,
  ): Fsm<StatesOf<F>, Record<string, any>, EventsOf<F>> {
    return readDocument("fsm", json, options) as never;
  }

  /**
   * The fsm that {@link Fsm.toYAML} has written.
   * @throws {Error} when the package yaml is not installed; {ValidationError} as {@link Fsm.fromJSON}
   */
  static fromYAML<F extends object>(
    text: string,
    options: FromDataOptions<F>,
  ): Fsm<StatesOf<F>, Record<string, any>, EventsOf<F>> {
    return Fsm.fromJSON(fromYaml(text), options);
  }

  /** An independent copy of the definition. It shares no caches and no last run with this one. */
  clone(): Fsm<S, I, E> {
    const copy = new Fsm<S, I, E>(this.name, this.options);
    copy.copyFrom(this);
    copy.factory.className = this.factory.className;
    for (const hook of this.stateHooks) copy.addStateHook(hook);
    return copy;
  }

  /** Adds a function that is called before every transition. Hooks are called in order of addition. */
  addStateHook(hook: StateHook): this {
    checkType("state hook", hook, "function");
    this.stateHooks.push(hook);
    this.factory.stateHooks.push((from, to, value) => hook(this as Fsm<any, any, any>, from, to, value));
    return this;
  }

  // --- the definition as a whole ---

  /**
   * The declared transitions, by name: states in order of definition, with the transitions of each together. Targets of
   * `next` and `waitForEvent` are among them only if `to` lists them.
   */
  get edges(): FsmEdge[] {
    return fsmEdges(this.factory.planning.plan);
  }

  /** The states and declared transitions, as pictures draw them, also of an fsm that is not valid. */
  get graph(): FsmGraph {
    return fsmGraph(this.factory.planning.plan);
  }

  /**
   * The inputs of a run, which are the parameters of all states, and those that only a schema declares. Those that the
   * initial state or their schema needs are required.
   */
  get inputs(): readonly InputReport[] {
    return fsmInputReports(this.factory.planning.plan, this.declaredInputs);
  }

  protected readonly sinks = FSM_SINKS;

  /**
   * The definition as data: name, options, hooks, states with their options, transitions, and all workflows inside. Not
   * the functions. Anything that is not data (conditions, functions in options, schemas, class instances …) is written as
   * `{ $value: path }`. {@link Fsm.fromJSON} makes an equal fsm of it.
   */
  toJSON(): FsmJson {
    return writeDocument(this) as FsmJson;
  }

  /** {@link Fsm.toJSON} as YAML. @throws {Error} when the package yaml is not installed */
  toYAML(): string {
    return toYaml(this.toJSON());
  }

  /** A Mermaid state diagram of the declared transitions, with the visits of a run if one is given. */
  toMermaid(options: StateDiagramOptions = {}): string {
    return stateDiagram(this.factory.planning.plan, options);
  }

  /** A Graphviz digraph of the declared transitions, with the visits of a run if one is given. */
  toDot(options: StateDiagramOptions = {}): string {
    return stateDot(this.factory.planning.plan, options);
  }

  /**
   * A machine config for XState v5's `createMachine`, see {@link XStateConfig}.
   * @throws {ValidationError} when not valid
   */
  toXState(): XStateConfig {
    return toXState(requireValid(this.factory.planning));
  }

  // --- recorded runs ---

  /**
   * Sends an event to a recorded run, whether this process drives it, another one, or none. Resolves when the event is
   * recorded. The run takes it once: at once or within a second if it is driven, or when `recover` or `resume`
   * continues it. Events are taken in the order in which they were recorded, each when a state waits for it.
   * @param event - for a state that is a workflow, with its name: `"check.PAID"`. It goes to the run that the state
   *   began last
   * @throws {StoreError} NOT_FOUND, RUN_ENDED, UNSTORABLE; {ValidationError} for a run of another workflow, an event that
   *   the fsm does not declare or no node inside waits for, or a payload that its schema refuses; {ExecutionError} when the nodes inside that wait for it
   *   are over, or the state has begun no run
   */
  async send<K extends keyof E & string>(
    runId: string,
    event: K,
    payload: E[K] | undefined,
    options: FsmSendOptions,
  ): Promise<void> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    checkRunId(runId);
    checkName("event", event);
    checkSendOptions(options);
    const { way, event: name, nodes, schema } = placeOfEvent(this, event);
    const { store, key } = options;
    // Checking it takes time, in which the caller may change it.
    const checked = schema === undefined ? payload : await checkedPayload(event, store.copyOf(payload), schema);
    await store.send({ runId, workflow: this.name, kind: this.kind, way, event: name, payload: checked, nodes, key });
  }

  /** @internal */
  sendTo(runId: string, event: string, payload: unknown, options: FsmSendOptions): Promise<void> {
    return this.send(runId, event as never, payload as never, options);
  }

  /** @internal */
  submitReplay(runId: string): Promise<string> {
    const message = `Run ${show(runId)} is one of the fsm ${show(this.name)}, and only runs of dags can be replayed. Submit a new one.`;
    return Promise.reject(new ValidationError(message));
  }

  // --- the last run ---

  /** See {@link FsmResult.get}, of the last run. */
  get<K extends StateKey<S>>(state: K): S[K] | undefined;
  get<K extends StateKey<S>>(execution: `${K}.${number}`): S[K] | undefined;
  get<K extends StateKey<S>, F>(state: K | `${K}.${number}`, fallback: F): S[K] | F;
  get(state: string, fallback?: unknown): unknown {
    return this.runs.last === undefined ? fallback : this.runs.last.get(state as never, fallback);
  }

  /** See {@link FsmResult.getCycle}, of the last run; undefined before the first. */
  getCycle<K extends StateKey<S>>(state: K, index: number): S[K] | undefined {
    return this.runs.last?.getCycle(state, index);
  }

  /** See {@link FsmResult.getLatest}, of the last run; undefined before the first. */
  getLatest<K extends StateKey<S>>(state: K): S[K] | undefined {
    return this.runs.last?.getLatest(state);
  }

  /** See {@link FsmResult.getHistory}, of the last run; empty before the first. */
  getHistory<K extends StateKey<S>>(state: K): (S[K] | undefined)[] {
    return this.runs.last?.getHistory(state) ?? [];
  }

  /** See {@link FsmResult.cycleResults}, of the last run; empty before the first. */
  get cycleResults(): readonly Cycle[] {
    return this.runs.last?.cycleResults ?? [];
  }

  /** See {@link FsmResult.stateHistory}, of the last run; empty before the first. */
  get stateHistory(): readonly string[] {
    return this.runs.last?.stateHistory ?? [];
  }

  /** See {@link FsmResult.cycleCount}, of the last run; 0 before the first. */
  get cycleCount(): number {
    return this.runs.last?.cycleCount ?? 0;
  }

  /** See {@link FsmResult.currentState}, of the last run; undefined before the first. */
  get currentState(): string | undefined {
    return this.runs.last?.currentState;
  }

  /** See {@link FsmResult.finalState}, of the last run; undefined before the first. */
  get finalState(): string | undefined {
    return this.runs.last?.finalState;
  }

  /** See {@link FsmResult.isTerminated}, of the last run; false before the first. */
  get isTerminated(): boolean {
    return this.runs.last?.isTerminated ?? false;
  }
}

registerMaker("fsm", (source) => Fsm.from(source));
