import type { FsmPlan } from "../../planning/fsm-plan.js";
import { FsmResult } from "../../run/fsm-result.js";
import type { FsmState } from "../../run/fsm-state.js";
import type { RecordedRun, WorkflowKind } from "../../stores/store.js";
import { eitherFsmHandle, endedFsmHandle, fsmHandle, type FsmElsewhere, type FsmHandle } from "../handle.js";
import { FsmRun } from "../fsm-run.js";
import type { FsmRunOptions } from "../options.js";
import type { Runs } from "../../engine/runs.js";
import { FollowedFsm } from "./followed-fsm.js";
import type { FsmRecorder } from "./recorder.js";
import { continuedFsm, endedFsm, eventsIn, type ResumedFsm } from "./records.js";
import type { LiveRun } from "../../engine/durable/live-runs.js";
import type { FsmResumeOptions } from "./options.js";
import { RecordedRuns, type GoingOn, type Over } from "../../engine/durable/recorded-runs.js";
import { inProgress } from "../../engine/durable/restore.js";

/** The fsm whose runs are recorded. */
interface RecordedFsm {
  readonly historyLimit: number;
  plan(isStrict: boolean): FsmPlan;
  /** The engine of a run that goes on. */
  engineOf(
    state: FsmState,
    options: FsmRunOptions,
    takesEvents: boolean,
    recorder: FsmRecorder,
    resumed: ResumedFsm,
  ): FsmRun;
}

/** The recorded runs of one fsm. */
export class RecordedFsms<S> extends RecordedRuns<
  FsmRun,
  FsmResult<S>,
  FsmHandle<S>,
  FsmElsewhere<S>,
  FsmResumeOptions<any>
> {
  protected readonly kind: WorkflowKind = "fsm";
  protected readonly handles = {
    begun: fsmHandle<S>,
    ended: endedFsmHandle<S>,
    either: eitherFsmHandle<S>,
  };

  constructor(
    workflow: string,
    runs: Runs<FsmResult<S>>,
    private readonly fsm: RecordedFsm,
  ) {
    super(workflow, runs);
  }

  protected continued(
    recorded: RecordedRun,
    options: FsmResumeOptions<any>,
    hasHandle: boolean,
  ): GoingOn<FsmRun> | Over<FsmResult<S>> {
    const { historyLimit = this.fsm.historyLimit } = options;
    const next = continuedFsm(this.fsm.plan(options.strict === true), recorded, options, historyLimit);
    if (next instanceof FsmResult) return { result: next };
    const { state, recorder, claim, resumed } = next;
    return { run: this.fsm.engineOf(state, options, hasHandle, recorder, resumed), recorder, claim };
  }

  protected ended(recorded: RecordedRun): FsmResult<S> {
    return endedFsm(this.fsm.plan(false), recorded, this.fsm.historyLimit);
  }

  protected give(run: FsmRun, { provide, send }: FsmResumeOptions<any>): boolean {
    if (run.isOver) return provide === undefined && send === undefined;
    for (const name in provide) throw inProgress("provide", run.state.runId, name);
    run.sendAll(eventsIn(send));
    return true;
  }

  protected isOurs(run: LiveRun): run is FsmRun {
    return run instanceof FsmRun && run.state.workflow === this.workflow;
  }

  protected elsewhere(
    pause: () => Promise<FsmResult<S>>,
    recorded: RecordedRun,
    { store }: FsmResumeOptions<any>,
    here: Promise<FsmHandle<S>>,
  ): FollowedFsm<S> {
    return new FollowedFsm(pause, this.fsm.plan(false), recorded, store, here);
  }
}
