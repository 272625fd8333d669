import type { FsmPlan } from "../../planning/fsm-plan.js";
import { requireValid, type Strictness } from "../../planning/validity.js";
import { FsmResult } from "../../run/fsm-result.js";
import type { RecordedRun, WorkflowKind } from "../../stores/store.js";
import { eitherFsmHandle, endedFsmHandle, fsmHandle, type FsmElsewhere, type FsmHandle } from "../handle.js";
import { FsmRun } from "../fsm-run.js";
import type { FsmRunFactory } from "../fsm-run-factory.js";
import type { Runs } from "../../engine/runs.js";
import { FollowedFsm } from "./followed-fsm.js";
import { continuedFsm, endedFsm, eventsIn } from "./records.js";
import type { LiveRun } from "../../engine/durable/live-runs.js";
import {
  checkFsmContinueOptions,
  checkFsmRecoverOptions,
  checkFsmResumeOptions,
  type FsmResumeOptions,
} from "./options.js";
import { RecordedRuns, type GoingOn, type Over } from "../../engine/durable/recorded-runs.js";
import { inProgress } from "../../engine/durable/restore.js";

/** The recorded runs of one fsm. */
export class RecordedFsms<S, E> extends RecordedRuns<
  FsmRun,
  FsmResult<S>,
  FsmHandle<S, E>,
  FsmElsewhere<S, E>,
  FsmResumeOptions<any>
> {
  protected readonly kind: WorkflowKind = "fsm";
  protected readonly handles = {
    begun: fsmHandle<S, E>,
    ended: endedFsmHandle<S, E>,
    either: eitherFsmHandle<S, E>,
  };

  protected readonly checks = {
    resume: checkFsmResumeOptions,
    attachAll: checkFsmContinueOptions,
    recover: checkFsmRecoverOptions,
  };

  constructor(
    protected override readonly factory: FsmRunFactory<S, E>,
    runs: Runs<FsmResult<S>>,
  ) {
    super(factory, runs);
  }

  private planned(options: Strictness = {}): FsmPlan {
    return requireValid(this.factory.planning, options);
  }

  protected continued(
    recorded: RecordedRun,
    options: FsmResumeOptions<any>,
    hasHandle: boolean,
  ): GoingOn<FsmRun> | Over<FsmResult<S>> {
    const { historyLimit = this.factory.historyLimit } = options;
    const next = continuedFsm(this.planned(options), recorded, options, historyLimit);
    if (next instanceof FsmResult) return { result: next };
    const { state, recorder, claim, resumed } = next;
    const run = this.factory.runOf(state, options, { takesEvents: hasHandle, recorder, resumed });
    return { run, recorder, claim };
  }

  protected ended(recorded: RecordedRun): FsmResult<S> {
    return endedFsm(this.planned(), recorded, this.factory.historyLimit);
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
    here: Promise<FsmHandle<S, E>>,
  ): FollowedFsm<S, E> {
    return new FollowedFsm(pause, this.planned(), recorded, store, here);
  }
}
