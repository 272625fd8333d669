import {
  beginsAnew,
  insideOptions,
  type ContinuedRun,
  type EndedRun,
  type RunUse,
} from "../../engine/durable/continuation.js";
import type { LiveRun } from "../../engine/durable/live-runs.js";
import { RecordedRuns, type Submission } from "../../engine/durable/recorded-runs.js";
import { checkedPayload } from "../../engine/events/payloads.js";
import { inProgress } from "../../engine/durable/restore.js";
import type { Runs } from "../../engine/runs.js";
import { placeOfEvent } from "../../planning/event-places.js";
import { fsmStructure, structureText } from "../../planning/structure.js";
import { FsmResult } from "../../run/fsm-result.js";
import type { RecordedRun, WorkflowKind } from "../../stores/store.js";
import { attachingFsmHandle, endedFsmHandle, fsmHandle, type FsmHandle, type RemoteFsmHandle } from "../handle.js";
import { FsmRun } from "../fsm-run.js";
import type { FsmRunFactory } from "../fsm-run-factory.js";
import type { FsmRunOptions } from "../options.js";
import { continuedFsm, endedFsm, eventsIn, pairsIn, restartedFsm } from "./records.js";
import { RemoteFsm } from "./remote-fsm.js";
import {
  checkFsmContinueOptions,
  checkFsmRecoverOptions,
  checkFsmResumeOptions,
  type FsmResumeOptions,
} from "./options.js";

/** The recorded runs of one fsm. */
export class RecordedFsms<S, E> extends RecordedRuns<
  FsmRun,
  FsmResult<S>,
  FsmHandle<S, E>,
  RemoteFsmHandle<S, E>,
  FsmResumeOptions<any>
> {
  protected readonly kind: WorkflowKind = "fsm";
  protected readonly handles = {
    started: fsmHandle<S, E>,
    ended: endedFsmHandle<S, E>,
    attaching: attachingFsmHandle<S, E>,
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

  override async resume(runId: string, options: FsmResumeOptions<any>): Promise<FsmResult<S>> {
    return super.resume(runId, await this.withCheckedEvents(options, "resume"));
  }

  override async attach(runId: string, options: FsmResumeOptions<any>): Promise<FsmHandle<S, E>> {
    return super.attach(runId, await this.withCheckedEvents(options, "attach"));
  }

  /** The options, in which the payloads of the events to send are parsed by their schemas. @throws {ValidationError} */
  private async withCheckedEvents(options: FsmResumeOptions<any>, method: "resume" | "attach") {
    checkFsmResumeOptions(options, method);
    const { receiver } = this.factory.planFor(options);
    if (options.send === undefined || receiver.declaredEvents === undefined) return options;
    const send = pairsIn(options.send).map(async ([event, payload]) => {
      const { schema } = placeOfEvent(receiver, event);
      return [event, await checkedPayload(event, options.store.copyOf(payload), schema)] as const;
    });
    return { ...options, send: await Promise.all(send) };
  }

  protected continued(
    recorded: RecordedRun,
    given: FsmResumeOptions<any>,
    use: RunUse,
  ): ContinuedRun<FsmRun> | EndedRun<FsmResult<S>> {
    const { inside } = use;
    const { outer, accepted } = inside ?? {};
    const options = inside === undefined ? given : insideOptions(this.factory.inside(given, inside.outer), inside);
    const { historyLimit = this.factory.historyLimit } = options;
    const plan = inside === undefined ? this.factory.planFor(options) : this.factory.planInside(options);
    const next =
      accepted !== undefined && beginsAnew(recorded, use)
        ? restartedFsm(plan, recorded, options, accepted.inputs, historyLimit)
        : continuedFsm(plan, recorded, options, historyLimit);
    if (next instanceof FsmResult) return { result: next };
    const { state, recorder, claim, resumed, provide } = next;
    const properties = { takesEvents: use.hasHandle, recorder, resumed, outer, provide, checks: accepted?.checks };
    const run = this.factory.runOf(state, options, properties);
    return { run, recorder, claim };
  }

  structures(): string[] {
    return [structureText(this.factory.planFor(), fsmStructure)];
  }

  async submission(options: FsmRunOptions<any> | undefined): Promise<Submission> {
    const { state, checking } = this.factory.create(options, "run");
    await checking;
    const { plan, inputs, sharedMetadata: metadata } = state;
    return { inputs, metadata, structure: structureText(plan, fsmStructure) };
  }

  protected ended(recorded: RecordedRun): FsmResult<S> {
    return endedFsm(this.factory.planFor(), recorded, this.factory.historyLimit);
  }

  restored(recorded: RecordedRun): FsmResult<S> {
    return endedFsm(this.factory.planInside(), recorded, this.factory.historyLimit);
  }

  protected update(run: FsmRun, { provide, send }: FsmResumeOptions<any>): boolean {
    if (run.isOver) return provide === undefined && send === undefined;
    for (const name in provide) throw inProgress("provide", run.state.runId, name);
    run.sendAll(eventsIn(send, run.timeOfDay()));
    return true;
  }

  protected isOurs(run: LiveRun): run is FsmRun {
    return run instanceof FsmRun && run.state.workflow === this.workflow;
  }

  protected remote(
    recorded: RecordedRun,
    { store }: FsmResumeOptions<any>,
    how: { readonly pause: () => Promise<FsmResult<S>>; readonly local: Promise<FsmHandle<S, E>> },
  ): RemoteFsm<S, E> {
    return new RemoteFsm(recorded, this.factory.planFor(), store, how);
  }
}
