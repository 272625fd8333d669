import type { ChildRunOptions } from "../definition/context.js";
import type { DefinedFsm } from "../definition/defined.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import { warnOfClassName } from "../engine/durable/class-names.js";
import { checkIdentity, metadataOf } from "../engine/options.js";
import type { OuterRun } from "../engine/outer-run.js";
import type { AcceptedInputs, Purpose, RunFactory } from "../engine/run-factory.js";
import { hooksOf } from "../engine/run-hooks.js";
import type { RunPromises } from "../engine/run-promises.js";
import { CurrentPlan } from "../planning/current-plan.js";
import { planFsm, type FsmPlan } from "../planning/fsm-plan.js";
import { checkRunInputs, type CheckedInputs } from "../planning/declared-inputs.js";
import type { InnerChecks, InnerResults } from "../planning/inner-schemas.js";
import { acceptFsmInputs, checkFsmInputs } from "../planning/inputs.js";
import { fsmSurface } from "../planning/surface.js";
import { requireValid, type Planning, type Strictness } from "../planning/validity.js";
import { Caches } from "../policies/caches.js";
import type { FsmResult } from "../run/fsm-result.js";
import { FsmState } from "../run/fsm-state.js";
import { stateInputs } from "./arguments.js";
import type { FsmRecorder } from "./durable/recorder.js";
import { newFsmRecorder, type ResumedFsm } from "./durable/records.js";
import type { BoundStateHook } from "./ask-state-hooks.js";
import { FsmRun } from "./fsm-run.js";
import { fsmHandle, idleFsmHandle, type FsmHandle } from "./handle.js";
import { checkFsmRunOptions, type FsmOptions, type FsmRunOptions } from "./options.js";

/** The fsm whose runs are created. */
interface Source extends DefinedFsm {
  readonly defaultHooks: NodeHooks | undefined;
}

/** The properties of a run, apart from its options. */
interface RunProperties {
  readonly sync?: boolean;
  /** Whether the run has a handle, which can send events. */
  readonly takesEvents?: boolean;
  /** The run that contains it. */
  readonly outer?: OuterRun | undefined;
  /** The results given for nodes inside its workflows, by path. */
  readonly provide?: Readonly<Record<string, unknown>> | undefined;
  readonly recorder?: FsmRecorder | undefined;
  readonly resumed?: ResumedFsm;
  /** Settles when its inputs are checked, if that takes time. */
  readonly checking?: Promise<void> | undefined;
  /** Its inputs as parsed by the schemas inside the initial state, once these have run. */
  readonly checks?: InnerChecks | undefined;
}

/** What the schemas of inputs have to do with the runs around and inside. */
interface InputChecks {
  /** @defaultValue false */
  readonly sync?: boolean;
  /** The checks of the outer run. */
  readonly earlier: InnerChecks | undefined;
  /** Gets those of the workflow in the initial state. */
  readonly checks: Map<string, InnerResults> | undefined;
}

/** Creates the runs of one fsm. */
export class FsmRunFactory<S, E> implements RunFactory<FsmRunOptions<any>, FsmResult<S>, FsmHandle<S, E>> {
  readonly workflow: string;
  readonly caches: Caches;
  /** The state hooks, in order. */
  readonly stateHooks: BoundStateHook[] = [];
  /** The name of the class that names the fsm, "" if the class has none; undefined if the fsm has a name of its own. */
  className: string | undefined;
  readonly planned: CurrentPlan<Planning<FsmPlan>>;

  constructor(
    private readonly fsm: Source,
    private readonly settings: FsmOptions,
  ) {
    this.workflow = fsm.name;
    this.planned = new CurrentPlan(
      fsm,
      (way) => planFsm(fsm, way),
      (planning) => fsmSurface(planning, fsm.declaredInputs),
    );
    this.caches = new Caches(fsm.name);
  }

  get planning(): Planning<FsmPlan> {
    return this.planned.now;
  }

  /** The plan. @throws {ValidationError} when the fsm is not valid */
  planFor(options: Strictness = {}): FsmPlan {
    return requireValid(this.planned.now, options);
  }

  /** The plan for a run inside another one, made with the latest plans of the workflows inside. */
  planInside(options: Strictness = {}): FsmPlan {
    return requireValid(this.planned.latest, options);
  }

  /** The `historyLimit` of runs without that option. */
  get historyLimit(): number {
    return this.settings.historyLimit ?? Infinity;
  }

  createInside(own: ChildRunOptions, outer: OuterRun, { sync }: { readonly sync: boolean }): FsmRun {
    return this.create(this.inside(own, outer), sync ? "runSync" : "run", outer);
  }

  async acceptInside({ inputs = {} }: ChildRunOptions, outer: OuterRun): Promise<AcceptedInputs> {
    const state = new FsmState(this.planInside(), inputs, outer.innerId, undefined, this.historyLimit);
    const checks = new Map<string, InnerResults>();
    await this.checkInputs(state, { earlier: outer.checks, checks });
    return { inputs: state.inputs, checks };
  }

  /** The options of a run inside another one: its own, and those that it shares, as those of an fsm. */
  inside(own: ChildRunOptions, { options }: OuterRun): FsmRunOptions {
    const { inputs, timeout, errorStrategy = this.settings.errorStrategy } = own;
    const { strict, scheduler, store, durability, hooks } = options;
    const mode = options.mode === "parallel" || options.mode === "hybrid" ? "async" : options.mode;
    return { inputs, timeout, errorStrategy, mode, strict, scheduler, store, durability, hooks };
  }

  create(options: FsmRunOptions = {}, purpose: Purpose, outer?: OuterRun): FsmRun {
    // The options of a run inside another one come from that run, which has checked them.
    if (outer === undefined) checkFsmRunOptions(options, this.inputNames);
    if (options.ifExists === "attach") checkIdentity(options);
    const sync = purpose === "runSync";
    if (sync && options.store !== undefined) throw new TypeError("runSync can't wait for a store. Use run instead.");
    const plan = outer === undefined ? this.planFor(options) : this.planInside(options);
    const { inputs = {}, runId, historyLimit = this.historyLimit } = options;
    const state = new FsmState(plan, inputs, outer?.innerId ?? runId, metadataOf(options), historyLimit);
    const checks = plan.inner === undefined ? undefined : new Map<string, InnerResults>();
    const checking = this.checkInputs(state, { sync, earlier: outer?.checks, checks });
    return this.runOf(state, options, {
      sync,
      takesEvents: purpose === "start" || outer?.takesEvents === true,
      recorder: newFsmRecorder(state, options, outer && { ...outer.parent, isOuter: true, rootId: outer.rootId }),
      outer,
      checking,
      checks,
    });
  }

  /**
   * Checks the inputs of a new run, and replaces them by those that their schemas return. A promise only if a schema
   * returns one.
   * @throws {ValidationError} | {MissingInputError}
   */
  private checkInputs(state: FsmState, { sync = false, earlier, checks }: InputChecks): Promise<void> | undefined {
    const { plan, inputs: given } = state;
    const { declaredInputs: declared } = this.fsm;
    if (declared === undefined && plan.inner === undefined) {
      checkFsmInputs(plan, given);
      stateInputs(state);
      return undefined;
    }
    const accept = (checked: CheckedInputs): void => {
      acceptFsmInputs(plan, { declared, given, checked });
      state.inputs = checked.values;
      for (const [name, results] of checked.inside ?? []) checks?.set(name, results);
      stateInputs(state);
    };
    const how = { word: "state" as const, runs: () => true, sync, earlier };
    const checked = checkRunInputs({ declared, plan }, given, how);
    if (!(checked instanceof Promise)) return void accept(checked);
    return checked.then(accept);
  }

  /** Creates the run that drives a state. */
  runOf(state: FsmState, options: FsmRunOptions, properties: RunProperties): FsmRun {
    const { sync = false, takesEvents = false, recorder, resumed, checking, checks, outer, provide } = properties;
    if (recorder !== undefined && this.className !== undefined) warnOfClassName(this.workflow, this.className);
    const { maxCycles = this.settings.maxCycles } = options;
    return new FsmRun(state, maxCycles === options.maxCycles ? options : { ...options, maxCycles }, {
      sync,
      takesEvents,
      recorder,
      resumed,
      outer,
      provide,
      checking,
      checks,
      hooks: hooksOf(this.fsm.defaultHooks, options.hooks),
      stateHooks: this.stateHooks.slice(),
      cacheOf: this.caches.of,
    });
  }

  handle(run: FsmRun, promises: RunPromises<FsmResult<S>>): FsmHandle<S, E> {
    return fsmHandle(run, promises);
  }

  idleHandle(run: FsmRun, never: Promise<never>): FsmHandle<S, E> {
    return idleFsmHandle(run, never);
  }

  private readonly inputNames = () => this.planning.plan.inputs;
}
