import { requireInputs } from "../../planning/inputs.js";
import type { DagPlan } from "../../planning/plan.js";
import { RunResult } from "../../run/result.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import type { RecordedRun, WorkflowKind } from "../../stores/store.js";
import { dagHandle, eitherDagHandle, endedDagHandle, type RunHandle } from "../dag-handle.js";
import { DagRun } from "../dag-run.js";
import type { Outcome } from "../outcome.js";
import type { RunOptions } from "../run-options.js";
import type { Runs } from "../runs.js";
import { continued, endedRun } from "./dag-records.js";
import type { LiveRun } from "./live-runs.js";
import type { ResumeOptions } from "./options.js";
import { RecordedRuns, type GoingOn, type Over } from "./recorded-runs.js";
import type { Recorder } from "./recorder.js";

/** The dag whose runs are recorded. */
interface RecordedDag<N> {
  plan(isStrict: boolean): DagPlan;
  /** The engine of a run that goes on. */
  engineOf(
    state: RunState,
    options: RunOptions<N>,
    provided: ReadonlyMap<number, unknown> | undefined,
    recorder: Recorder,
  ): DagRun;
}

/** The recorded runs of one dag. */
export class RecordedDags<N> extends RecordedRuns<DagRun, RunResult<N>, RunHandle<N>, ResumeOptions<N>> {
  protected readonly kind: WorkflowKind = "dag";

  constructor(
    workflow: string,
    runs: Runs<RunResult<N>>,
    private readonly dag: RecordedDag<N>,
  ) {
    super(workflow, runs);
  }

  protected continued(recorded: RecordedRun, options: ResumeOptions<N>): GoingOn<DagRun> | Over<RunResult<N>> {
    const plan = this.dag.plan(options.strict === true);
    const next = continued(plan, recorded, options);
    if (next instanceof RunResult) return { result: next };
    const { state, provided, recorder, claim } = next;
    const runs = (node: number) => state.status[node] !== Status.completed && state.active?.[node] !== 0;
    requireInputs(plan, recorded.inputs, (node) => runs(node) && !provided?.has(node));
    return { run: this.dag.engineOf(state, options, provided, recorder), recorder, claim };
  }

  protected ended(recorded: RecordedRun): RunResult<N> {
    return endedRun(this.dag.plan(false), recorded);
  }

  protected isOurs(run: LiveRun): run is DagRun {
    return run instanceof DagRun && run.state.workflow === this.workflow;
  }

  protected handleOf(run: DagRun, outcome: Outcome<RunResult<N>>): RunHandle<N> {
    return dagHandle(run, outcome);
  }

  protected handleOfEnded(result: RunResult<N>, outcome: Outcome<RunResult<N>>): RunHandle<N> {
    return endedDagHandle(result, outcome);
  }

  protected handleOfEither(
    own: RunHandle<N>,
    found: Promise<RunHandle<N>>,
    giveUp: (reason: unknown) => void,
  ): RunHandle<N> {
    return eitherDagHandle(own, found, giveUp);
  }
}
