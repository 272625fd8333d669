import { reachable } from "../../graph/reachability.js";
import { requireInputs } from "../../planning/inputs.js";
import type { DagPlan } from "../../planning/plan.js";
import { RunResult } from "../../run/result.js";
import { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import type { RecordedRun, WorkflowKind } from "../../stores/store.js";
import { dagHandle, eitherDagHandle, endedDagHandle, type DagElsewhere, type RunHandle } from "../handle.js";
import { DagRun } from "../dag-run.js";
import { metadataOf } from "../../engine/options.js";
import type { RunOptions } from "../options.js";
import type { Runs } from "../../engine/runs.js";
import { takeOver } from "../take-over.js";
import { continued, endedRun, newRecorder, replayed } from "./records.js";
import type { LiveRun } from "../../engine/durable/live-runs.js";
import type { ReplayOptions, ResumeOptions } from "./options.js";
import { RecordedRuns, type Elsewhere, type GoingOn, type Over } from "../../engine/durable/recorded-runs.js";
import type { Recorder } from "../../engine/durable/recorder.js";
import { inProgress, maskOf } from "../../engine/durable/restore.js";

/** The dag whose runs are recorded. */
interface RecordedDag {
  /** The plan of a run with these inputs. @throws {ValidationError} when the dag is not valid */
  plan(isStrict: boolean, inputs: RecordedRun["inputs"]): DagPlan;
  engineOf(
    state: RunState,
    options: RunOptions<any>,
    overrides: ReadonlyMap<number, unknown> | undefined,
    recorder: Recorder | undefined,
    isResumed: boolean,
  ): DagRun;
  /** The node of this name. @throws {ValidationError} */
  existing(name: string): string;
  /** @throws {ValidationError} naming a node that does not exist */
  overridesOf(plan: DagPlan, overrides: Readonly<Record<string, unknown>>): Map<number, unknown>;
}

/** The recorded runs of one dag. */
export class RecordedDags<N> extends RecordedRuns<
  DagRun,
  RunResult<N>,
  RunHandle<N>,
  DagElsewhere<N>,
  ResumeOptions<any>
> {
  protected readonly kind: WorkflowKind = "dag";
  protected readonly handles = {
    begun: dagHandle<N>,
    ended: endedDagHandle<N>,
    either: eitherDagHandle<N>,
  };

  constructor(
    workflow: string,
    runs: Runs<RunResult<N>>,
    private readonly dag: RecordedDag,
  ) {
    super(workflow, runs);
  }

  protected continued(recorded: RecordedRun, options: ResumeOptions<any>): GoingOn<DagRun> | Over<RunResult<N>> {
    const plan = this.dag.plan(options.strict === true, recorded.inputs);
    const overrides = options.overrides === undefined ? undefined : this.dag.overridesOf(plan, options.overrides);
    const next = continued(plan, recorded, options, overrides);
    if (next instanceof RunResult) return { result: next };
    const { state, given, recorder, claim } = next;
    const runs = (node: number) => state.status[node] !== Status.completed && state.active?.[node] !== 0;
    requireInputs(plan, recorded.inputs, (node) => runs(node) && !given?.has(node));
    return { run: this.dag.engineOf(state, options, given, recorder, true), recorder, claim };
  }

  /** A recorded run as the source of results for a partial one. @throws {StoreError} NOT_FOUND */
  async earlier(runId: string, options: ResumeOptions<any>): Promise<RunResult<N>> {
    const recorded = await this.read(runId, options);
    const { earlier } = replayed(this.dag.plan(false, recorded.inputs), recorded, true);
    return new RunResult<N>(earlier, "completed");
  }

  /** The engine of a new run, which has copies of the results of a recorded one that hold. */
  async replay(runId: string, options: ReplayOptions<any>): Promise<DagRun> {
    const { dag } = this;
    const names = options.rerun.map((name) => dag.existing(name));
    const recorded = await this.read(runId, options);
    const plan = dag.plan(options.strict === true, recorded.inputs);
    const { earlier, holds } = replayed(plan, recorded, options.allowChanges);
    const roots = plan.specs.flatMap(({ name }, i) => (names.includes(name) || holds?.[i] === 0 ? i : []));
    const active = options.only === true ? maskOf(plan, names) : reachable(plan.graph, roots);
    const overrides = options.overrides === undefined ? undefined : dag.overridesOf(plan, options.overrides);
    const metadata = metadataOf(options) ?? recorded.metadata;
    const state = new RunState(plan, recorded.inputs, options.runId, active, metadata);
    requireInputs(plan, recorded.inputs, (node) => active[node] === 1 && !overrides?.has(node));
    const copied = active.map((isActive) => 1 - isActive);
    takeOver(state, active, earlier, copied, overrides);
    const recorder = newRecorder(state, options, { runId, node: names[0] });
    return dag.engineOf(state, options, overrides, recorder, false);
  }

  protected ended(recorded: RecordedRun): RunResult<N> {
    return endedRun(this.dag.plan(false, recorded.inputs), recorded);
  }

  protected give(run: DagRun, { provide, overrides }: ResumeOptions<any>): boolean {
    if (run.isOver) return provide === undefined && overrides === undefined;
    for (const name in provide) throw inProgress("provide", run.state.runId, name);
    for (const name in overrides) throw inProgress("overrides", run.state.runId, name);
    return true;
  }

  protected isOurs(run: LiveRun): run is DagRun {
    return run instanceof DagRun && run.state.workflow === this.workflow;
  }

  protected elsewhere(pause: () => Promise<RunResult<N>>): Elsewhere<DagElsewhere<N>> {
    return { handle: { pause } };
  }
}
