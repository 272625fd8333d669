import { ValidationError, type ValidationIssue } from "../base/errors.js";
import type { Planned } from "../definition/defined.js";
import { Definition, type DefinitionTypes } from "../definition/definition.js";
import { neverInWorker } from "../definition/origin/worker-scope.js";
import { checkStrict, issuesOf, requireValid } from "../planning/validity.js";
import type { ErrorStrategy } from "../definition/specs/node-options.js";
import type { ChildResult } from "../run/child-result.js";
import type { RecordedRun } from "../stores/store.js";
import type { ChildContinuation, RunInside, RunnableWorkflow } from "./run-inside.js";
import type { OuterRun } from "./outer-run.js";
import { warnOfClassName } from "./durable/class-names.js";
import { admission, whenAdmitted } from "./durable/admission.js";
import type { DrivenRun, DriveOptions } from "./durable/driven-run.js";
import type { Submission } from "./durable/recorded-runs.js";
import type { ChildRunOptions } from "../definition/context.js";
import type { SendOptions } from "./durable/options.js";
import type { CommonRunOptions } from "./options.js";
import { withContinuingDefaults, withDefaults, withRecoveryDefaults } from "./run-defaults.js";
import type { RunFactory } from "./run-factory.js";
import { Runs } from "./runs.js";
import { StepState, type SteppedRun, type StepResult } from "./step.js";

/** The types that belong to one kind of workflow. */
export interface WorkflowTypes extends DefinitionTypes {
  readonly options: DefinitionTypes["options"] & {
    readonly runOptions?: object | undefined;
    readonly errorStrategy?: ErrorStrategy | undefined;
  };
  /** The names of its nodes or states. */
  readonly names: string;
  readonly result: { has(name: never): boolean; readonly results: object };
  readonly handle: { readonly result: Promise<object> };
  readonly runOptions: CommonRunOptions;
  readonly resumeOptions: object;
  readonly continueOptions: object;
  readonly recoverOptions: object;
}

/** The recorded runs of one workflow. Its methods are those of {@link Workflow}. */
export interface RecordedWorkflow<T extends WorkflowTypes> {
  resume(runId: string, options: T["resumeOptions"]): Promise<T["result"]>;
  recover(options: T["recoverOptions"]): Promise<T["result"][]>;
  attach(runId: string, options: T["resumeOptions"]): Promise<T["handle"]>;
  attachAll(options: T["continueOptions"]): Promise<T["handle"][]>;
  continueInside(own: T["resumeOptions"], outer: OuterRun, how: ChildContinuation): Promise<RunInside | T["result"]>;
  restored(recorded: RecordedRun): T["result"];
  structures(): string[];
  submission(options: T["runOptions"] | undefined): Promise<Submission>;
  drive(runId: string, options: T["resumeOptions"], how: DriveOptions): Promise<DrivenRun>;
  startOrAttach(
    run: SteppedRun<T["result"]>,
    options: CommonRunOptions<any>,
    how: {
      readonly hasHandle: boolean;
      readonly create: () => SteppedRun<T["result"]> | Promise<SteppedRun<T["result"]>>;
    },
  ): T["handle"] & { readonly result: Promise<T["result"]> };
}

/** As many levels as fit the stack with all policies around each, and room for the caller. */
const MAX_SYNC_LEVELS = 100;

/**
 * The common base of dags and fsms: validation, running, stepping, recorded runs, caches, the last run.
 *
 * The definition is validated and planned before the first run and after every change. Runs may overlap; each has its
 * own state.
 */
export abstract class Workflow<T extends WorkflowTypes> extends Definition<T> implements RunnableWorkflow {
  protected readonly runs = new Runs<T["result"]>();
  protected abstract readonly factory: RunFactory<T["runOptions"], T["result"], T["handle"]>;
  protected abstract readonly recorded: RecordedWorkflow<T>;

  // --- validation ---

  /**
   * All errors and warnings. With `strict`, warnings are errors: isolated nodes and unconnected branches of a dag;
   * states of an fsm that can't be reached, or can't reach a terminal state.
   */
  validate(options: { strict?: boolean | undefined } = {}): ValidationIssue[] {
    return issuesOf(this.factory.planning, checkStrict(options, "validate"));
  }

  /** @throws {ValidationError} | {InvalidNodeError} the error of a single issue, or one `ValidationError` with all */
  validateOrThrow(options: { strict?: boolean | undefined } = {}): this {
    requireValid(this.factory.planning, checkStrict(options, "validateOrThrow"));
    return this;
  }

  /** Whether `validate()` finds no error; warnings do not count. */
  get isValid(): boolean {
    return this.factory.planning.errors.length === 0;
  }

  /** @internal */
  get planned(): Planned {
    return this.factory.planned;
  }

  // --- running ---

  /**
   * Runs the workflow to its end.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   * @throws {ExecutionError} for the first failure under `failFast` (in an fsm, the first that no error state takes),
   *   {CancelledError}, {RunTimeoutError}; in an fsm also {MaxCyclesError}, {InvalidTransitionError},
   *   {UnknownStateError}. `.run` is the partial result
   */
  run(options?: T["runOptions"]): Promise<T["result"]> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    const given = this.withDefaults(options);
    return this.execute(given, () => this.factory.create(given, "run"));
  }

  /**
   * Runs a workflow that has one input on a value, and returns the result of its only sink; of an fsm, its last value.
   * @throws {ValidationError} when it has several inputs without a default value, or several sinks; otherwise as `run`
   */
  async call(value: unknown, options?: Omit<T["runOptions"], "inputs">): Promise<unknown> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    this.validateOrThrow();
    const required = this.inputs.filter((input) => input.required);
    const names = (required.length > 0 ? required : this.inputs).map(({ name }) => name);
    this.requireSingle("input", names);
    this.requireSingle("sink", this.sinks);
    const run = await this.run({ ...options, inputs: { [names[0]]: value } });
    return (run as { readonly value?: unknown }).value;
  }

  /** The nodes whose results are those of a run. @throws {ValidationError} when the definition is not valid */
  protected abstract readonly sinks: readonly string[];

  private requireSingle(what: string, names: readonly string[]): void {
    if (names.length === 1) return;
    const found = names.length === 0 ? "none" : `${names.length}: ${names.slice(0, 20).join(", ")}`;
    throw new ValidationError(
      `Workflow "${this.name}" can't be called with a value: it must have one ${what}, and has ${found}. Use run instead.`,
    );
  }

  /**
   * Runs a workflow without asynchronous functions to its end, blocking the thread. At most 100 levels of workflows can be
   * inside each other. Throws what `run` rejects with.
   */
  runSync(options?: Omit<T["runOptions"], "mode" | "concurrency">): T["result"] {
    const run = this.factory.create(this.withDefaults(options), "runSync");
    this.requireSyncLevels();
    return this.runs.runSync(run);
  }

  /**
   * Starts a run and returns a handle to follow, pause and cancel it, and to send it events.
   * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} before anything runs
   */
  start(options?: T["runOptions"]): T["handle"] {
    const given = this.withDefaults(options);
    const create = () => this.factory.create(given, "start");
    const run = create();
    const never = neverInWorker(this);
    if (never !== undefined) return this.factory.idleHandle(run, never);
    if (given?.ifExists === "attach") return this.recorded.startOrAttach(run, given, { hasHandle: true, create });
    return this.factory.handle(run, this.runs.begin(run, given?.store && whenAdmitted));
  }

  /**
   * Runs the next node or state and stops. To continue, pass the returned state; `options` are those of the first step.
   * @throws {TypeError} for a state of another workflow, or one that was stepped from before; otherwise as `run`
   */
  async step(state?: StepState<T["result"]>, options?: T["runOptions"]): Promise<StepResult<T["result"]>> {
    const never = neverInWorker(this);
    if (never !== undefined) return never;
    if (state !== undefined) return StepState.next(this, state);
    return StepState.first(this, this.factory.create(this.withDefaults(options), "step"));
  }

  /** Without promises, runs inside are calls within calls. */
  private requireSyncLevels(): void {
    const { levels } = this.factory.planned;
    if (levels <= MAX_SYNC_LEVELS) return;
    throw new TypeError(
      `runSync runs at most ${MAX_SYNC_LEVELS} levels of workflows inside each other, and "${this.name}" has ${levels}. Use run instead.`,
    );
  }

  // --- recorded runs ---

  /**
   * Continues a recorded run after a pause, a failure, a cancellation or a crash, as the same run. Completed nodes keep
   * their results, and an fsm continues in its current state. A completed run returns its recorded result. An fsm that
   * has to wait for an event resolves as `paused`.
   * @throws {StoreError} NOT_FOUND; LEASE_HELD while a process drives the run; UNSTORABLE for an event, and the run
   *   stays as it is
   * @throws {ValidationError} when the workflow has changed (unless `allowChanges`), `provide` names a node that did
   *   not pause, or `overrides` one that has completed; otherwise as `run`
   */
  async resume(runId: string, options: T["resumeOptions"]): Promise<T["result"]> {
    const never = neverInWorker(this);
    return never ?? this.recorded.resume(runId, withContinuingDefaults(this.defaults, options));
  }

  /**
   * Continues the runs of this workflow whose process is gone, and paused runs that are due or have been sent an event
   * they wait for: several at once, oldest first. Runs that another process claims meanwhile are left to it.
   * @returns the results of all runs, including failed ones
   * @throws when all runs are done: the error of the run that could not continue, or a {RecoverError} with those of
   *   several; its `results` are those of the other runs. {StoreError} at once when the store can't be searched
   */
  async recover(options: T["recoverOptions"]): Promise<T["result"][]> {
    const never = neverInWorker(this);
    return never ?? this.recorded.recover(withRecoveryDefaults(this.defaults, options));
  }

  /**
   * The handle of a recorded run that this process drives through the same store, or else continues as `resume` does.
   * The run of an fsm then waits for events.
   * @throws {StoreError} NOT_FOUND; LEASE_HELD while another process drives the run; UNSTORABLE for an event
   * @throws {ValidationError} as `resume`
   */
  async attach(runId: string, options: T["resumeOptions"]): Promise<T["handle"]> {
    const never = neverInWorker(this);
    return never ?? this.recorded.attach(runId, withContinuingDefaults(this.defaults, options));
  }

  /** Continues the runs that `recover` would continue, and returns their handles. @throws as `recover` */
  async attachAll(options: T["continueOptions"]): Promise<T["handle"][]> {
    const never = neverInWorker(this);
    return never ?? this.recorded.attachAll(withContinuingDefaults(this.defaults, options));
  }

  // --- runs inside others ---

  /** @internal See `RunnableWorkflow`. */
  createInside(own: ChildRunOptions, outer: OuterRun, how: { readonly sync: boolean }): RunInside {
    return this.factory.createInside(own, outer, how);
  }

  /** @internal See `RunnableWorkflow`. */
  continueInside(own: ChildRunOptions, outer: OuterRun, how: ChildContinuation): Promise<RunInside | ChildResult> {
    return this.recorded.continueInside(own, outer, how) as Promise<RunInside | ChildResult>;
  }

  /** @internal See `RunnableWorkflow`. */
  restored(recorded: RecordedRun): ChildResult {
    return this.recorded.restored(recorded) as object as ChildResult;
  }

  // --- runs that services drive ---

  /** @internal Sends an event to a recorded run, as `send` of dags and fsms do. */
  abstract sendTo(runId: string, event: string, payload: unknown, options: SendOptions): Promise<void>;

  /**
   * @internal Records a replay of a run, for a service to drive.
   * @returns the id of the new run
   */
  abstract submitReplay(runId: string, options: object): Promise<string>;

  /** @internal Warns if its runs are recorded under a name that another class may have after the next build. */
  warnOfClassName(): void {
    const { className } = this.factory;
    if (className !== undefined) warnOfClassName(this.name, className);
  }

  /** @internal See `RecordedRuns.structures`. */
  get structures(): string[] {
    return this.recorded.structures();
  }

  /** @internal See `RecordedRuns.submission`. */
  submission(options: T["runOptions"]): Promise<Submission> {
    return this.recorded.submission(this.withDefaults(options));
  }

  /** @internal See `RecordedRuns.drive`. It is put away when only waits are left. */
  drive(runId: string, how: DriveOptions, options?: T["resumeOptions"]): Promise<DrivenRun> {
    const given = { ...options, store: how.store, detach: true };
    return this.recorded.drive(runId, withContinuingDefaults(this.defaults, given), how);
  }

  // --- results and caches ---

  /**
   * Drops cached results: of all nodes or states, of one of them, or only its result for these `inputs`, by parameter
   * name. Results in memory are dropped when this returns, those in a custom store when the promise resolves.
   * @throws {ValidationError} VALIDATION when it does not exist, is not cached, or inputs are missing
   */
  invalidateCache(target?: T["names"] | T["member"], inputs?: Readonly<Record<string, unknown>>): Promise<void> {
    const { caches, planning } = this.factory;
    const { specs, indexOf } = planning.plan;
    if (target === undefined) return caches.invalidateAll(specs);
    return caches.invalidate(specs[indexOf.get(this.specOf(target).name) as number], inputs);
  }

  /** The last run that ended, whatever its status. */
  get lastRun(): T["result"] | undefined {
    return this.runs.last;
  }

  /** Whether the last run has a result of this node or state. */
  has(name: T["names"]): boolean {
    return this.runs.last?.has(name as never) ?? false;
  }

  /** All results of the last run, by name. */
  get results(): T["result"]["results"] {
    return this.runs.last?.results ?? (Object.create(null) as T["result"]["results"]);
  }

  protected withDefaults<O extends object>(options: O | undefined): O | undefined {
    return withDefaults(this.defaults, options);
  }

  /** The default options of all runs. */
  protected get defaults(): object | undefined {
    const { runOptions, errorStrategy } = this.options;
    return errorStrategy === undefined ? runOptions : { errorStrategy, ...runOptions };
  }

  /** Runs to the end. @param create - called again if an existing run of the same id is removed */
  protected execute(
    options: CommonRunOptions<any> | undefined,
    create: () => SteppedRun<T["result"]>,
  ): Promise<T["result"]> {
    if (options?.store !== undefined) return this.executeRecorded(options, create);
    // Not an async function, which would create a second promise for each run.
    try {
      return this.runs.run(create());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  protected async executeRecorded(
    options: CommonRunOptions<any>,
    create: () => SteppedRun<T["result"]> | Promise<SteppedRun<T["result"]>>,
  ): Promise<T["result"]> {
    const turn = admission();
    if (turn !== undefined) await turn;
    // Not awaited unless it is a promise: a run has the definition and the options of the moment of its call.
    const created = create();
    const run = created instanceof Promise ? await created : created;
    if (options.ifExists !== "attach") return this.runs.run(run);
    return this.recorded.startOrAttach(run, options, { hasHandle: false, create }).result;
  }
}
