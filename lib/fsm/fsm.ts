import { checkName, checkType } from "../base/check.js";
import type { ValidationIssue } from "../base/errors.js";
import { merge } from "../base/merge.js";
import { readStates } from "../definition/class-methods.js";
import { FsmDefinition, type StateTarget } from "../definition/fsm-definition.js";
import type { FsmOptions, StateSpec } from "../definition/specs/state-spec.js";
import type { EventsOf, StatesOf } from "../definition/typings/typed-states.js";
import { neverInWorker } from "../definition/origin/worker-scope.js";
import { planFsm, type FsmPlan } from "../planning/fsm-plan.js";
import { checkFsmInputs } from "../planning/inputs.js";
import { checkStrict, issuesOf, requireValid, type Planning } from "../planning/validity.js";
import { Caches } from "../policies/caches.js";
import type { FsmResult, StateKey } from "../run/fsm-result.js";
import { FsmState } from "../run/fsm-state.js";
import type { Cycle } from "../run/history.js";
import { stateDiagram, stateDot, type StateDiagramOptions } from "../visualization/state-diagram.js";
import { toXState, type XStateConfig } from "../visualization/xstate.js";
import type { Definable, InstanceOf } from "../engine/definable.js";
import {
  checkFsmContinueOptions,
  checkFsmRecoverOptions,
  checkFsmResumeOptions,
  checkFsmSendOptions,
  type FsmContinueOptions,
  type FsmRecoverOptions,
  type FsmResumeOptions,
  type FsmSendOptions,
} from "./durable/options.js";
import type { FsmRecorder } from "./durable/recorder.js";
import { admission, whenAdmitted } from "../engine/durable/admission.js";
import { warnOfClassName } from "../engine/durable/class-names.js";
import { newFsmRecorder, type ResumedFsm } from "./durable/records.js";
import { RecordedFsms } from "./durable/recorded-fsms.js";
import { unknownState } from "./errors.js";
import { fsmHandle, idleFsmHandle, type FsmHandle } from "./handle.js";
import { FsmRun } from "./fsm-run.js";
import { hooksOf } from "../engine/run-hooks.js";
import { checkIdentity, checkRunId, metadataOf } from "../engine/options.js";
import { checkFsmRunOptions, type FsmRunOptions } from "./options.js";
import { stateInputs } from "./arguments.js";
import { withContinuingDefaults, withDefaults } from "../engine/run-defaults.js";
import { Runs } from "../engine/runs.js";
import { StepState, type StepResult } from "../engine/step.js";

/** The options of an fsm. */
export interface FsmSettings<I extends object = Record<string, any>> extends FsmOptions {
  /** Defaults of every run's options. */
  runOptions?: FsmRunOptions<Partial<I>> | undefined;
}

/**
 * Called after a state executed and before the next one does, not for the first entry nor the end. May be async. A throw
 * vetoes the transition.
 */
export type StateHook = (fsm: Fsm<any, any, any>, from: string, to: string, result: unknown) => unknown;

/**
 * A state machine: states with a value each, and the transitions between them.
 *
 * States come from an annotated class ({@link Fsm.from}) or from the builder's methods. The definition is validated and
 * planned at the first run and after every change; runs may overlap, each has its own history.
 * `S` holds the states' value types by name, `I` those of the inputs of a run, and `E` what events bring.
 */
export class Fsm<
  S = Record<string, unknown>,
  I extends object = Record<string, any>,
  E = Record<string, any>,
> extends FsmDefinition<S> {
  private planned: { readonly revision: number; readonly planning: Planning<FsmPlan> } | undefined;
  private readonly caches = new Caches(this.name);
  private readonly stateHooks: StateHook[] = [];
  private className: string | undefined;
  private readonly runs = new Runs<FsmResult<S>>();
  private readonly recorded = new RecordedFsms<any>(this.name, this.runs, {
    historyLimit: this.options.historyLimit ?? Infinity,
    plan: (isStrict) => requireValid(this.planning, isStrict),
    engineOf: (state, options, takesEvents, recorder, resumed) =>
      this.engineOf(state, options, false, takesEvents, recorder, resumed),
  });

  /** @throws {InvalidNodeError} | {TypeError} | {RangeError} when the name or an option is not usable */
  constructor(name: string, options: FsmSettings<I> = {}) {
    super(name, options);
  }

  /**
   * The fsm of an annotated class (instantiated once, for all runs) or of an instance.
   * @throws {InvalidNodeError} INVALID_NODE when the class has no method with `@state`, or one can't be a state
   */
  static from<C extends object, I extends object = Record<string, any>>(
    source: C & Definable<C>,
    options: FsmSettings<I> & { name?: string | undefined } = {},
  ): Fsm<StatesOf<InstanceOf<C>>, I, EventsOf<InstanceOf<C>>> {
    const { name: own, className, options: annotations, specs } = readStates(source);
    const { description, metadata, runOptions, maxCycles, errorState, historyLimit } = annotations;
    const { name = own, ...given } = options;
    const annotated = { description, metadata, runOptions, maxCycles, errorState, historyLimit };
    const fsm = new Fsm<StatesOf<InstanceOf<C>>, I, EventsOf<InstanceOf<C>>>(name, merge(annotated, given));
    for (const spec of specs) fsm.add(spec);
    fsm.className = options.name === undefined ? className : undefined;
    return fsm;
  }

  /** A copy that can be changed on its own. It shares no values, no caches and no last run with this one. */
  clone(): Fsm<S, I, E> {
    const copy = new Fsm<S, I, E>(this.name, this.options);
    copy.copyFrom(this);
    copy.className = this.className;
    copy.stateHooks.push(...this.stateHooks);
    return copy;
  }

  /** Adds a function that is asked before every transition, in order of addition. */
  addStateHook(hook: StateHook): this {
    checkType("state hook", hook, "function");
    this.stateHooks.push(hook);
    return this;
  }

  // --- the definition as a whole ---

  /**
   * Everything wrong or doubtful. When every state that is not terminal says where it leads (`to`), states that can't be
   * reached, and states from which no terminal one can be, are warnings; under `strict`, errors.
   */
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

  /** A Mermaid state diagram of the declared transitions, with the visits of a run if one is given. */
  toMermaid(options: StateDiagramOptions = {}): string {
    return stateDiagram(this.planning.plan, options);
  }

  /** A Graphviz digraph of the declared transitions, with the visits of a run if one is given. */
  toDot(options: StateDiagramOptions = {}): string {
    return stateDot(this.planning.plan, options);
  }

  /** A machine config for XState v5's `createMachine`, see {@link XStateConfig}. @throws {ValidationError} when not valid */
  toXState(): XStateConfig {
    return toXState(this.plan);
  }

  // --- running ---

  /**
   * Runs the fsm to its end.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   * @throws {ExecutionError} of the first failure that no error state takes, {MaxCyclesError}, {InvalidTransitionError},
   *   {UnknownStateError}, {CancelledError}, {RunTimeoutError}; `.run` is the history so far
   */
  async run(own?: FsmRunOptions<I>): Promise<FsmResult<S>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    const options = withDefaults(this.options.runOptions, own);
    if (options?.store !== undefined) await admission();
    const run = this.engine(options, false);
    return options?.ifExists === "attach" ? this.startOrAttach(run, options, false).result : this.runs.run(run);
  }

  // --- recorded runs ---

  /**
   * Goes on with a recorded run after a pause, a failure, a cancellation or a crash, at the state it was in, in the same run. A
   * completed run gives its recorded result. One that has to wait comes to rest in the store, and resolves as `paused`.
   * @throws {StoreError} NOT_FOUND, LEASE_HELD while the run is driven, UNSTORABLE for an event: the run rests as it was
   * @throws {ValidationError} when the fsm has changed (unless `allowChanges`), or `provide` names a state that did not pause;
   *   otherwise as `run`
   */
  async resume(runId: string, options: FsmResumeOptions<S, E>): Promise<FsmResult<S>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    checkRunId(runId);
    const all = withContinuingDefaults(this.options.runOptions, options);
    checkFsmResumeOptions(all);
    return this.recorded.resume(runId, all);
  }

  /**
   * Goes on with this fsm's runs whose process is gone, and with those at rest whose time has come or which were sent an event
   * that they wait for: several at once, the oldest first. A run that has to wait comes to rest again. Those that another
   * process takes meanwhile are left to it.
   * @returns the results, of runs that fail too
   * @throws once all others are done: the error of the one run that could not go on, or a {RecoverError} with those of all;
   *   `results` is what would have been returned. {StoreError} at once when the store can't be searched
   */
  async recover(options: FsmRecoverOptions): Promise<FsmResult<S>[]> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    const all = withContinuingDefaults(this.options.runOptions, options);
    checkFsmRecoverOptions(all);
    requireValid(this.planning, all.strict === true);
    return this.recorded.recover(all, all);
  }

  /**
   * Sends an event to a recorded run, be it driven here, by another process, or by nobody; resolves when it is recorded. The run
   * takes it once: a driver hears of it, at the latest within a second; a run at rest goes on by `recover` or `resume`.
   * Events are taken in the order in which they were recorded, each when a state waits for it.
   * @throws {StoreError} NOT_FOUND, RUN_ENDED, UNSTORABLE; {ValidationError} for a run of another workflow
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
    checkFsmSendOptions(options);
    await options.store.send({ runId, workflow: this.name, event, payload, key: options.key });
  }

  /**
   * The handle of a recorded run: of one that this process drives through the same store, or takes up as `resume` does, but that
   * it waits for events.
   * @throws {StoreError} NOT_FOUND, LEASE_HELD while another process drives the run, UNSTORABLE for an event
   * @throws {ValidationError} as `resume`
   */
  async attach(runId: string, options: FsmResumeOptions<S, E>): Promise<FsmHandle<S, E>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    checkRunId(runId);
    const all = withContinuingDefaults(this.options.runOptions, options);
    checkFsmResumeOptions(all, "attach");
    return this.recorded.attach(runId, all) as Promise<FsmHandle<S, E>>;
  }

  /** The handles of all runs that `recover` would go on with; they go on at once. @throws as `recover` */
  async attachAll(options: FsmContinueOptions): Promise<FsmHandle<S, E>[]> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    const all = withContinuingDefaults(this.options.runOptions, options);
    checkFsmContinueOptions(all);
    requireValid(this.planning, all.strict === true);
    return this.recorded.attachAll(all) as Promise<FsmHandle<S, E>[]>;
  }

  /** Runs an fsm without asynchronous states to its end, blocking the thread. Throws what `run` rejects with. */
  runSync(options?: FsmRunOptions<I>): FsmResult<S> {
    return this.runs.runSync(this.engine(withDefaults(this.options.runOptions, options), true));
  }

  /**
   * Starts a run that takes events from outside.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   */
  start(own?: FsmRunOptions<I>): FsmHandle<S, E> {
    const options = withDefaults(this.options.runOptions, own);
    const run = this.engine(options, false, true);
    const never = neverInWorker(this);
    if (never !== undefined) return idleFsmHandle(run, never);
    if (options?.ifExists === "attach") return this.startOrAttach(run, options, true);
    return fsmHandle(run, this.runs.begin(run, options?.store && whenAdmitted));
  }

  private startOrAttach(run: FsmRun, options: FsmRunOptions, hasHandle: boolean): FsmHandle<S> {
    checkIdentity(options);
    const again = () => this.engine(options, false, hasHandle);
    return this.recorded.startOrAttach(run, options as FsmResumeOptions, hasHandle, again);
  }

  /**
   * Executes the next state and stops. Call it again with the state it returned to go on; `options` count for the first
   * step.
   * @throws {TypeError} for a state that was already stepped from, or of another fsm; otherwise as `run`
   */
  step(state?: StepState<FsmResult<S>>, options?: FsmRunOptions<I>): Promise<StepResult<FsmResult<S>>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    if (state !== undefined) return StepState.next(this, state);
    const given = withDefaults(this.options.runOptions, options);
    return StepState.first(this, (observe) =>
      this.engine({ ...given, observers: [...(given?.observers ?? []), observe] }, false),
    );
  }

  /**
   * Forgets cached results: of all states, of one, or the one that belongs to `inputs`, by parameter name. What is in memory
   * is forgotten when this returns, what is in a store of your own when the promise resolves.
   * @throws {ValidationError} VALIDATION when there is no such state, it is not cached, or inputs are missing
   */
  invalidateCache(state?: StateTarget<StateKey<S>>, inputs?: Readonly<Record<string, unknown>>): Promise<void> {
    return state === undefined
      ? this.caches.forget(this.states.values())
      : this.caches.forgetIn(this.existing(state), inputs);
  }

  // --- the last run ---

  /** The last run that ended, whatever its status. */
  get lastRun(): FsmResult<S> | undefined {
    return this.runs.last;
  }

  /** See {@link FsmResult.get}; in the last run. */
  get<K extends StateKey<S>>(state: K): S[K] | undefined;
  get<K extends StateKey<S>>(execution: `${K}.${number}`): S[K] | undefined;
  get<K extends StateKey<S>, F>(state: K | `${K}.${number}`, fallback: F): S[K] | F;
  get(state: string, fallback?: unknown): unknown {
    return this.runs.last === undefined ? fallback : this.runs.last.get(state as never, fallback);
  }

  has(state: StateKey<S>): boolean {
    return this.runs.last?.has(state) ?? false;
  }

  getCycle<K extends StateKey<S>>(state: K, index: number): S[K] | undefined {
    return this.runs.last?.getCycle(state, index);
  }

  getLatest<K extends StateKey<S>>(state: K): S[K] | undefined {
    return this.runs.last?.getLatest(state);
  }

  getHistory<K extends StateKey<S>>(state: K): (S[K] | undefined)[] {
    return this.runs.last?.getHistory(state) ?? [];
  }

  get results(): Readonly<Partial<S>> {
    return this.runs.last?.results ?? (Object.create(null) as Partial<S>);
  }

  get cycleResults(): readonly Cycle[] {
    return this.runs.last?.cycleResults ?? [];
  }

  get stateHistory(): readonly string[] {
    return this.runs.last?.stateHistory ?? [];
  }

  get cycleCount(): number {
    return this.runs.last?.cycleCount ?? 0;
  }

  get currentState(): string | undefined {
    return this.runs.last?.currentState;
  }

  get finalState(): string | undefined {
    return this.runs.last?.finalState;
  }

  get isTerminated(): boolean {
    return this.runs.last?.isTerminated ?? false;
  }

  private get planning(): Planning<FsmPlan> {
    if (this.planned?.revision !== this.revision) {
      this.planned = { revision: this.revision, planning: planFsm(this) };
    }
    return this.planned.planning;
  }

  private get plan(): FsmPlan {
    return requireValid(this.planning, false);
  }

  /** Checks the options against the plan and makes the engine of one run. Nothing has run when this throws. */
  private engine(options: FsmRunOptions = {}, sync: boolean, takesEvents = false): FsmRun {
    checkFsmRunOptions(options, this.inputNames);
    const plan = requireValid(this.planning, options.strict === true);
    const { inputs = {}, runId, historyLimit = this.options.historyLimit ?? Infinity } = options;
    checkFsmInputs(plan, inputs);
    const state = new FsmState(plan, inputs, runId, metadataOf(options), historyLimit);
    stateInputs(state);
    if (sync && options.store !== undefined) throw new TypeError("runSync can't wait for a store. Use run instead.");
    return this.engineOf(state, options, sync, takesEvents, newFsmRecorder(state, options));
  }

  private engineOf(
    state: FsmState,
    options: FsmRunOptions,
    sync: boolean,
    takesEvents: boolean,
    recorder?: FsmRecorder,
    resumed?: ResumedFsm,
  ): FsmRun {
    if (recorder !== undefined && this.className !== undefined) warnOfClassName(this.name, this.className);
    const { maxCycles = this.options.maxCycles } = options;
    return new FsmRun(state, maxCycles === options.maxCycles ? options : { ...options, maxCycles }, {
      sync,
      takesEvents,
      recorder,
      resumed,
      hooks: hooksOf(this.defaultHooks, options.hooks),
      stateHooks: this.stateHooks.map((hook) => (from, to, value) => hook(this as Fsm<any, any, any>, from, to, value)),
      cacheOf: this.caches.of,
    });
  }

  private readonly inputNames = () => this.planning.plan.inputs;

  /** @throws {ValidationError} VALIDATION when there is no such state, with the nearest one */
  private existing(target: StateTarget): StateSpec {
    const name = typeof target === "string" ? target : target.name;
    const spec = this.states.get(name);
    if (spec === undefined) throw unknownState(this.name, name, this.states.keys());
    return spec;
  }
}
