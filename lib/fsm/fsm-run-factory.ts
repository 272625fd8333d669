import type { DefinedFsm } from "../definition/defined.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import { warnOfClassName } from "../engine/durable/class-names.js";
import { checkIdentity, metadataOf, type CommonRunOptions } from "../engine/options.js";
import type { OuterRun } from "../engine/outer-run.js";
import type { Purpose, RunFactory } from "../engine/run-factory.js";
import { hooksOf } from "../engine/run-hooks.js";
import type { RunPromises } from "../engine/run-promises.js";
import { planFsm, type FsmPlan } from "../planning/fsm-plan.js";
import { checkInputs, type CheckedInputs } from "../planning/declared-inputs.js";
import { acceptFsmInputs, checkFsmInputs } from "../planning/inputs.js";
import { requireValid, type Planning } from "../planning/validity.js";
import { Caches } from "../policies/caches.js";
import type { FsmResult } from "../run/fsm-result.js";
import { FsmState } from "../run/fsm-state.js";
import { stateInputs } from "./arguments.js";
import type { FsmRecorder } from "./durable/recorder.js";
import { newFsmRecorder, type ResumedFsm } from "./durable/records.js";
import { FsmRun, type BoundStateHook } from "./fsm-run.js";
import { fsmHandle, idleFsmHandle, type FsmHandle } from "./handle.js";
import { checkFsmRunOptions, type FsmOptions, type FsmRunOptions } from "./options.js";

/** The fsm whose runs are created. */
interface Source extends DefinedFsm {
  readonly revision: number;
  readonly defaultHooks: NodeHooks | undefined;
}

/** The properties of a run beside its options. */
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
}

/** Creates the runs of one fsm. */
export class FsmRunFactory<S, E> implements RunFactory<FsmRunOptions<any>, FsmResult<S>, FsmHandle<S, E>> {
  readonly workflow: string;
  readonly caches: Caches;
  /** The state hooks, in order. */
  readonly stateHooks: BoundStateHook[] = [];
  /** The name of the class that names the fsm, "" if the class has none; undefined if the fsm has a name of its own. */
  className: string | undefined;
  private planned: { readonly revision: number; readonly planning: Planning<FsmPlan> } | undefined;

  constructor(
    private readonly fsm: Source,
    private readonly settings: FsmOptions,
  ) {
    this.workflow = fsm.name;
    this.caches = new Caches(fsm.name);
  }

  get planning(): Planning<FsmPlan> {
    const { revision } = this.fsm;
    if (this.planned?.revision !== revision) this.planned = { revision, planning: planFsm(this.fsm) };
    return this.planned.planning;
  }

  /** The `historyLimit` of runs without that option. */
  get historyLimit(): number {
    return this.settings.historyLimit ?? Infinity;
  }

  createInside(options: CommonRunOptions, outer: OuterRun, sync: boolean): FsmRun {
    return this.create(this.inside(options), sync ? "runSync" : "run", outer);
  }

  /** The options of a run inside another one, as those of an fsm, with the error strategy of this workflow. */
  inside(given: CommonRunOptions): FsmRunOptions {
    const { mode, strict, scheduler, store, durability, hooks, inputs, runId, timeout } = given;
    const { errorStrategy = this.settings.errorStrategy } = given;
    const own = { strict, scheduler, store, durability, hooks, inputs, runId, timeout, errorStrategy };
    return { ...own, mode: mode === "parallel" ? "async" : mode };
  }

  create(options: FsmRunOptions = {}, purpose: Purpose, outer?: OuterRun): FsmRun {
    checkFsmRunOptions(options, this.inputNames);
    if (options.ifExists === "attach") checkIdentity(options);
    const sync = purpose === "runSync";
    if (sync && options.store !== undefined) throw new TypeError("runSync can't wait for a store. Use run instead.");
    const plan = requireValid(this.planning, options);
    const { inputs = {}, runId, historyLimit = this.historyLimit } = options;
    const state = new FsmState(plan, inputs, runId, metadataOf(options), historyLimit);
    const checking = this.checkInputs(state, sync);
    return this.runOf(state, options, {
      sync,
      takesEvents: purpose === "start",
      recorder: newFsmRecorder(state, options, outer && { ...outer.parent, isOuter: true }),
      outer,
      checking,
    });
  }

  /**
   * Checks the inputs of a new run, and replaces them by what their schemas make of them. A promise only if a schema
   * returns one.
   * @throws {ValidationError} | {MissingInputError}
   */
  private checkInputs(state: FsmState, sync: boolean): Promise<void> | undefined {
    const { plan, inputs: given } = state;
    const { declaredInputs: declared } = this.fsm;
    if (declared === undefined) {
      checkFsmInputs(plan, given);
      stateInputs(state);
      return undefined;
    }
    const accept = (checked: CheckedInputs): void => {
      acceptFsmInputs(plan, { declared, given, checked });
      state.inputs = checked.values;
      stateInputs(state);
    };
    const checked = checkInputs(declared, given, { sync });
    if (!(checked instanceof Promise)) return void accept(checked);
    return checked.then(accept);
  }

  /** Creates the run that drives a state. */
  runOf(state: FsmState, options: FsmRunOptions, properties: RunProperties): FsmRun {
    const { sync = false, takesEvents = false, recorder, resumed, checking, outer, provide } = properties;
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
