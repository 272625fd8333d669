import { checkedPayload } from "../../engine/events/payloads.js";
import { placeOfEvent } from "../../planning/event-places.js";
import { reachableNodes, writtenFlow } from "../../planning/flow.js";
import { requireInner } from "../../planning/partial.js";
import { dagStructure, structureText } from "../../planning/structure.js";
import { requireInputs } from "../../planning/inputs.js";
import { RunResult } from "../../run/result.js";
import { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import type { RecordedRun, WorkflowKind } from "../../stores/store.js";
import { attachingDagHandle, dagHandle, endedDagHandle, type RemoteDagHandle, type RunHandle } from "../handle.js";
import { DagRun } from "../dag-run.js";
import { nodeIn, overridesIn, type DagRunFactory } from "../dag-run-factory.js";
import { metadataOf } from "../../engine/options.js";
import type { RunOptions } from "../options.js";
import type { Runs } from "../../engine/runs.js";
import { takeOver } from "../take-over.js";
import { continued, endedRun, newRecorder, replayed, restarted } from "./records.js";
import { maskOf } from "../../engine/durable/restored-dag.js";
import type { LiveRun } from "../../engine/durable/live-runs.js";
import {
  checkContinueOptions,
  checkRecoverOptions,
  checkResumeOptions,
  type RecoverOptions,
  type ReplayOptions,
  type ResumeOptions,
} from "./options.js";
import {
  beginsAnew,
  insideOptions,
  type ContinuedRun,
  type EndedRun,
  type RunUse,
} from "../../engine/durable/continuation.js";
import type { RemoteRun } from "../../engine/durable/handles.js";
import { RecordedRuns, type Submission } from "../../engine/durable/recorded-runs.js";
import { inProgress } from "../../engine/durable/restore.js";

/** The recorded runs of one dag. */
export class RecordedDags<N> extends RecordedRuns<
  DagRun,
  RunResult<N>,
  RunHandle<N>,
  RemoteDagHandle<N>,
  ResumeOptions<any>
> {
  protected readonly kind: WorkflowKind = "dag";
  protected readonly handles = {
    started: dagHandle<N>,
    ended: endedDagHandle<N>,
    attaching: attachingDagHandle<N>,
  };

  protected readonly checks = {
    resume: checkResumeOptions,
    attachAll: checkContinueOptions,
    recover: checkRecoverOptions,
  };

  constructor(
    protected override readonly factory: DagRunFactory<N>,
    runs: Runs<RunResult<N>>,
  ) {
    super(factory, runs);
  }

  protected continued(
    recorded: RecordedRun,
    given: ResumeOptions<any>,
    use: RunUse,
  ): ContinuedRun<DagRun> | EndedRun<RunResult<N>> {
    const { inside } = use;
    const { outer, accepted } = inside ?? {};
    const options = inside === undefined ? given : insideOptions(this.factory.inside(given, inside.outer), inside);
    const inputs = accepted?.inputs ?? recorded.inputs;
    const plan =
      inside === undefined ? this.factory.planFor(inputs, options) : this.factory.planInside(inputs, options);
    const overrides = options.overrides === undefined ? undefined : overridesIn(plan, options.overrides);
    if (overrides !== undefined) requireInner(plan, (i) => overrides.has(i));
    const next = beginsAnew(recorded, use)
      ? restarted(plan, recorded, options, inputs)
      : continued(plan, recorded, options, overrides);
    if (next instanceof RunResult) return { result: next };
    const { state, given: results, provide, recorder, claim, events } = next;
    const runs = (node: number) => state.status[node] !== Status.completed && state.active?.[node] !== 0;
    requireInputs(plan, inputs, (node) => runs(node) && !results?.has(node));
    const takesEvents = use.hasHandle;
    const own = { overrides: results, recorder, isResumed: true, outer, provide, events, takesEvents };
    const special = { ...own, checks: accepted?.checks };
    return { run: this.factory.runOf(state, options, special), recorder, claim };
  }

  /** In recovery, `concurrency` limits runs, and `nodeConcurrency` the nodes of each. */
  protected override recoverNow(options: RecoverOptions & ResumeOptions<any>): Promise<RunResult<N>[]> {
    return super.recoverNow({ ...options, concurrency: options.nodeConcurrency }, options);
  }

  /** The recorded run from which a partial run takes results. @throws {StoreError} NOT_FOUND */
  async earlier(runId: string, { store, signal, timeout }: RunOptions<any>): Promise<RunResult<N>> {
    if (store === undefined) throw new TypeError(`"from" is the id of a run, which takes the "store" it is in.`);
    const recorded = await this.read(runId, { store, signal, timeout });
    const { earlier } = replayed(this.factory.planFor(recorded.inputs), recorded, { allowChanges: true });
    return new RunResult<N>(earlier, "completed");
  }

  /** A new run, with copies of a recorded run's results that are still valid. */
  async replay(runId: string, options: ReplayOptions<any>): Promise<DagRun> {
    const names = options.rerun;
    for (const name of names) nodeIn(this.factory.planning.plan, name);
    const recorded = await this.read(runId, options);
    const plan = this.factory.planFor(recorded.inputs, options);
    const { earlier, holds } = replayed(plan, recorded, options);
    const roots = plan.specs.flatMap(({ name }, i) => (names.includes(name) || holds?.[i] === 0 ? i : []));
    const active = options.only === true ? maskOf(plan, names) : reachableNodes(writtenFlow(plan), roots);
    const overrides = options.overrides === undefined ? undefined : overridesIn(plan, options.overrides);
    const metadata = metadataOf(options) ?? recorded.metadata;
    const state = new RunState(plan, recorded.inputs, options.runId, active, metadata);
    requireInputs(plan, recorded.inputs, (node) => active[node] === 1 && !overrides?.has(node));
    const copied = active.map((isActive) => 1 - isActive);
    takeOver(state, active, earlier, copied, overrides);
    const recorder = newRecorder(state, options, { runId, node: names[0] });
    return this.factory.runOf(state, options, { overrides, recorder });
  }

  /** Records a replay, for a service to drive. @returns its id */
  async submitReplay(runId: string, options: ReplayOptions<any>): Promise<string> {
    // Telemetry follows it where it is driven.
    const { state, recorder } = await this.replay(runId, { ...options, telemetry: undefined });
    await recorder?.open();
    recorder?.giveBack();
    await recorder?.finish("waiting", undefined);
    return state.runId;
  }

  structures(): string[] {
    return [structureText(this.factory.planFor(undefined), dagStructure)];
  }

  async submission(options: RunOptions<any> | undefined): Promise<Submission> {
    const { state, checking } = this.factory.create(options, "submit");
    await checking;
    const { plan, inputs, sharedMetadata: metadata } = state;
    return { inputs, metadata, structure: structureText(plan, dagStructure) };
  }

  protected ended(recorded: RecordedRun): RunResult<N> {
    return endedRun(this.factory.planFor(recorded.inputs), recorded);
  }

  restored(recorded: RecordedRun): RunResult<N> {
    return endedRun(this.factory.planInside(recorded.inputs), recorded);
  }

  protected update(run: DagRun, { provide, overrides }: ResumeOptions<any>): boolean {
    if (run.isOver) return provide === undefined && overrides === undefined;
    for (const name in provide) throw inProgress("provide", run.state.runId, name);
    for (const name in overrides) throw inProgress("overrides", run.state.runId, name);
    return true;
  }

  protected isOurs(run: LiveRun): run is DagRun {
    return run instanceof DagRun && run.state.workflow === this.workflow;
  }

  protected remote(
    { runId }: RecordedRun,
    { store }: ResumeOptions<any>,
    { pause }: { readonly pause: () => Promise<RunResult<N>> },
  ): RemoteRun<RemoteDagHandle<N>> {
    const { workflow } = this;
    const send = async (event: string, payload: unknown) => {
      const { way, event: name, nodes, schema } = placeOfEvent(this.factory.dag, event);
      const checked = await checkedPayload(event, store.copyOf(payload), schema);
      await store.send({ runId, workflow, kind: "dag", way, event: name, payload: checked, nodes, key: undefined });
    };
    return { handle: { pause, send } };
  }
}
