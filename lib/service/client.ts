import type { InspectOptions, inspect } from "node:util";
import { checkName } from "../base/check.js";
import { ClosedError, StoreError } from "../base/errors.js";
import { inOneLine } from "../base/inspection.js";
import { newRunId } from "../base/ids.js";
import { outlineOf } from "../definition/specs/outline.js";
import { priorityOf } from "../definition/specs/node-options.js";
import { checkEvent } from "../engine/events/payloads.js";
import type { Telemetry } from "../engine/telemetry/telemetry.js";
import { leadsInside } from "../planning/event-places.js";
import type { ChildRun } from "../run/child-run.js";
import { storeFailure } from "../stores/database/store-failure.js";
import type { RunWorkflow } from "../stores/queue/queue.js";
import type { SqlStore } from "../stores/sql-store.js";
import { notFound } from "../stores/reading/run-rows.js";
import type { RunFilter, RunPage } from "../stores/reading/run-list.js";
import type { RunSlot } from "./dispatcher.js";
import type { FollowedEvent } from "./event-names.js";
import { Followers } from "./followers.js";
import { FoundRun } from "./found-run.js";
import { KnownWorkflows } from "./known-workflows.js";
import {
  checkClientOptions,
  checkFollowOptions,
  checkReplayOptions,
  checkResumeOptions,
  checkSendOptions,
  checkSubmitOptions,
  DEFAULT_POLL_INTERVAL,
  type ClientOptions,
  type FollowOptions,
  type ServiceReplayOptions,
  type ServiceResumeOptions,
  type ServiceSendOptions,
  type SubmitOptions,
} from "./options.js";
import { PendingResults } from "./pending-results.js";
import type { OpenQueue } from "./queue.js";
import { RunFeeds } from "./run-feeds.js";
import { ScheduleVerbs } from "./schedule-verbs.js";
import { storeQueue } from "./store-queue.js";
import { SubmittedRun } from "./submitted-run.js";
import { answersOf, copiesOf, dueOf, idOf } from "./verb-arguments.js";
import { needsRecord, wayOfEvent } from "./way-of-event.js";
import type { InputsOf, NodesIn, PayloadsOf, ResultOf, WorkflowRef } from "./workflow-types.js";

/** What a client that has only names of workflows needs to know of a run. */
const UNKNOWN = { workflow: undefined, kind: undefined, structure: undefined };

const NO_RUNS: ReadonlyMap<string, RunSlot> = new Map();

/**
 * Submits runs for services to drive, and acts on recorded runs, whichever process drives them. It drives nothing
 * itself, and does not keep an idle process alive: only pending results and events do.
 */
export class Client extends ScheduleVerbs {
  protected readonly store: SqlStore;
  protected readonly workflows: KnownWorkflows;
  protected readonly results: PendingResults;
  protected readonly interval: number;
  protected readonly telemetry: Telemetry | undefined;
  protected readonly followers = new Followers();
  protected readonly queue: OpenQueue;
  private readonly feeds: RunFeeds;
  private isClosed = false;

  /**
   * @throws {TypeError} | {RangeError} naming the option, its rule and the value received; {InvalidNodeError} for what is
   *   no workflow; {ValidationError} for two of the same name
   */
  constructor(options: ClientOptions);
  /** @internal */
  constructor(options: ClientOptions, workflows?: KnownWorkflows);
  constructor(options: ClientOptions, workflows?: KnownWorkflows) {
    super();
    if (workflows === undefined) checkClientOptions(options);
    const { store, queue = storeQueue, pollInterval = DEFAULT_POLL_INTERVAL, telemetry } = options;
    this.store = store;
    this.interval = pollInterval;
    this.telemetry = telemetry;
    this.workflows = workflows ?? new KnownWorkflows("client", options.workflows);
    this.results = new PendingResults(store, store.queue, pollInterval, this.workflows.owner);
    this.queue = queue.open(store.queue);
    this.feeds = new RunFeeds(store, pollInterval, this.workflows.owner, (runId, listener) =>
      this.followers.add(runId, listener, this.driven.get(runId)?.driven?.run),
    );
  }

  // --- submitting ---

  /**
   * Records a run for a service to begin, when it is due. Resolves when it is recorded. With a `key` that the workflow
   * has, resolves to the run that has it.
   * @param workflow - its current version; an earlier one, which a service lists among its `versions`; or its name
   * @throws {ValidationError} | {MissingInputError} for an unknown workflow, and for inputs that `run` would reject;
   *   {InvalidNodeError} for what is no workflow; {TypeError} | {RangeError} for other options
   * @throws {StoreError} KEY_CONFLICT when the run that has the key has other inputs; RUN_EXISTS, UNSTORABLE
   */
  async submit<W extends WorkflowRef>(
    workflow: W,
    options: SubmitOptions<InputsOf<W>> = {},
  ): Promise<SubmittedRun<ResultOf<W>, PayloadsOf<W>>> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    this.requireOpen();
    checkSubmitOptions(options);
    const { name, workflow: known } = this.workflows.resolve(workflow);
    const { key, delay, priority, runId = newRunId() } = options;
    const { store } = this;
    // Checking them takes time, in which the caller may change them.
    const inputs = copiesOf(store, options.inputs ?? {});
    const metadata = options.metadata && copiesOf(store, options.metadata);
    const checked = await known?.submission({ inputs, metadata });
    const send = (trace: string | undefined) =>
      store.queue.submit({
        runId,
        workflow: name,
        kind: known?.kind,
        structure: checked?.structure,
        inputs: checked?.inputs ?? inputs,
        given: inputs,
        metadata: checked === undefined ? metadata : checked.metadata,
        key,
        priority: priorityOf(priority),
        due: dueOf(delay),
        trace,
      });
    const submitted = await (this.telemetry === undefined ? send(undefined) : this.telemetry.submit(name, send));
    return new SubmittedRun(submitted.runId, this.results, submitted);
  }

  // --- looking up ---

  /**
   * A run as it is recorded; undefined when there is none with this id. One that can't be read has its {StoreError} as
   * `error`.
   * @throws {StoreError} when the store can't be read, or is closed
   */
  async get<R = ChildRun, P = Record<string, any>>(
    run: string | SubmittedRun<R, P>,
  ): Promise<FoundRun<R, P> | undefined> {
    const runId = idOf(run);
    this.requireOpen();
    try {
      const details = await this.store.getRun(runId);
      return details && new FoundRun(runId, { details }, this.results);
    } catch (error) {
      // An error of the store is not a property of the run.
      const isOfRun = error instanceof StoreError && error.code === "STORE" && storeFailure(error) === undefined;
      if (!isOfRun) throw error;
      return new FoundRun(runId, { unreadable: error }, this.results);
    }
  }

  /** Lists recorded runs in pages, newest first. @throws {TypeError} | {RangeError}; {StoreError} */
  async list(filter?: RunFilter): Promise<RunPage> {
    this.requireOpen();
    return this.store.listRuns(filter);
  }

  /**
   * The events of a run, and of the runs inside: first what is recorded, then what is recorded as it happens, so that all
   * who follow a run get the same events, each once and in the same order, whenever and wherever. Where the run is driven,
   * those that are never recorded come, too: `node.ready`, `node.progress`, `node.log`, `node.stale`, and those of circuits and
   * refreshes. Values are as recorded, without what `store.redact` hides; the key of an item is its index.
   *
   * It ends after `run.finished`; leaving the loop, or `signal`, ends it at once. News is at most `pollInterval` old, and
   * comes at once where the run is driven. A loop that waits for an event keeps the process alive.
   * @throws {StoreError} NOT_FOUND, or when the record can't be read; {ClosedError} when the client is closed first;
   *   {RangeError} for an `after` that is the id of no event; the reason of `signal`
   */
  events(run: string | SubmittedRun<any, any>, options: FollowOptions = {}): AsyncIterableIterator<FollowedEvent> {
    const runId = idOf(run);
    checkFollowOptions(options);
    this.requireOpen();
    return this.feeds.follow(runId, options);
  }

  // --- acting on runs ---

  /**
   * Sends an event to a run, wherever it is driven. Resolves when it is recorded; the run takes it once, in order. If
   * the client does not know the version of the workflow that the run has, its driver checks the event: one that it
   * refuses is dropped with a warning, and its node keeps waiting.
   * @param event - for a node of a workflow inside, with the way to it: `"check.PAID"`, `"check[3].PAID"`. If the client
   *   does not know the workflow, or a node begins the one inside with `ctx.run`, that has to have begun
   * @throws {ValidationError} for an event that no node waits for, or a payload that its schema refuses, if the client
   *   knows the workflow; {ExecutionError} when the nodes that wait for it are over; {StoreError} NOT_FOUND, RUN_ENDED,
   *   UNSTORABLE
   */
  async send<P = Record<string, any>, K extends keyof P & string = keyof P & string>(
    run: string | SubmittedRun<any, P>,
    event: K,
    payload?: P[K],
    options: ServiceSendOptions = {},
  ): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    const runId = idOf(run);
    checkEvent(event, payload);
    checkSendOptions(options);
    this.requireOpen();
    const { store } = this;
    const { key } = options;
    const copy = store.copyOf(payload);
    const knowsNone = this.workflows.served.length === 0;
    const { workflow, kind, structure } = knowsNone ? UNKNOWN : await this.workflowOf(runId);
    const known = workflow === undefined ? undefined : this.workflows.withStructure(workflow, structure);
    const checking = known?.kind === (kind ?? known?.kind) ? known : undefined;
    const place = needsRecord(checking, event) ? await this.placeOf(runId, event) : { way: [], event };
    if (checking === undefined) {
      return store.send({ runId, workflow, kind, ...place, payload: copy, isUnchecked: true, key });
    }
    if (leadsInside(checking, place.way)) return checking.sendTo(runId, event, copy, { store, key });
    // Whoever knows the workflow of a run inside checks what is sent to it.
    return this.send<Record<string, unknown>>([runId, ...place.way].join("/"), place.event, copy, options);
  }

  /** Where an event is for, by the record of the run. @throws {StoreError} */
  private async placeOf(runId: string, event: string) {
    const run = await this.store.getRun(runId, { depth: Infinity });
    return run === undefined ? { way: [], event } : wayOfEvent(run, event);
  }

  /**
   * Ends a run as cancelled, at once if nobody drives it; a driver hears of it within a second. Resolves when that is
   * recorded, and so certain.
   * @param reason - becomes part of the run's error
   * @throws {StoreError} NOT_FOUND, RUN_ENDED
   */
  async cancel(run: string | SubmittedRun<any, any>, reason?: string): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    const runId = idOf(run);
    if (reason !== undefined) checkName("reason", reason);
    this.requireOpen();
    await this.store.queue.request(runId, { kind: "cancel", reason });
  }

  /**
   * Pauses a run: its nodes in flight complete, and no others start until it is resumed. Resolves when that is recorded.
   * @throws {StoreError} NOT_FOUND, RUN_ENDED
   */
  async pause(run: string | SubmittedRun<any, any>): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    const runId = idOf(run);
    this.requireOpen();
    await this.store.queue.request(runId, { kind: "pause" });
  }

  /**
   * Queues a run that is paused, waits, failed or was cancelled: it continues from its record, as the same run. A run
   * that had yet to begin does not begin before its time. Resolves when that is recorded. Of several answers to one
   * pause, the first is taken.
   * @throws {ValidationError} when `provide` names a node that does not pause it any more, for a run that is queued, and
   *   for one inside another; {StoreError} NOT_FOUND; RUN_ENDED when it has completed; LEASE_HELD while it is driven
   */
  async resume<R = ChildRun>(
    run: string | SubmittedRun<R, any>,
    options: ServiceResumeOptions<NodesIn<R>> = {},
  ): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    const runId = idOf(run);
    checkResumeOptions(options);
    this.requireOpen();
    const { provide } = options;
    await this.store.queue.resume(runId, provide && answersOf(provide));
  }

  /**
   * Submits a new run that runs some nodes of a recorded one again, with copies of all other results.
   * @throws {ValidationError} when there is no such node, the workflow is an fsm, is not known to the client, or has
   *   changed; {MissingResultError} when a node that runs again needs a result that the run lacks; {StoreError} NOT_FOUND
   */
  async replay<R = ChildRun>(
    run: string | SubmittedRun<R, any>,
    options: ServiceReplayOptions<NodesIn<R>>,
  ): Promise<SubmittedRun<R>> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    const runId = idOf(run);
    checkReplayOptions(options);
    this.requireOpen();
    const given = { ...options, rerun: options.rerun.slice() };
    const { workflow: name, structure } = await this.workflowOf(runId);
    const workflow = this.workflows.versionOf(runId, name, structure);
    const replayed = await workflow.submitReplay(runId, { ...given, store: this.store });
    return new SubmittedRun(replayed, this.results, { isNew: true });
  }

  /**
   * Deletes a run that is not driven, whatever its status, with its complete record.
   * @throws {StoreError} NOT_FOUND; LEASE_HELD while it is driven
   */
  async delete(run: string | SubmittedRun<any, any>): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    const runId = idOf(run);
    this.requireOpen();
    await this.store.delete(runId);
  }

  // --- closing ---

  /** Rejects the results and the events that are still waited for. The store stays open. Idempotent. */
  close(): Promise<void> {
    this.isClosed = true;
    this.results.close();
    this.feeds.close();
    return this.queue.close();
  }

  /** For `JSON.stringify`. Without `workflows`, it submits runs of any. */
  toJSON(): object {
    return { workflows: this.workflows.listed, isClosed: this.isClosed };
  }

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](_: number, options: InspectOptions, inspectFacts: typeof inspect): string {
    return inOneLine(this.what, this.toJSON(), options, inspectFacts);
  }

  private get what(): string {
    return this.workflows.owner === "client" ? "Client" : "Service";
  }

  /** `Client { orders, checkout }`, for logs. */
  override toString(): string {
    const { what } = this;
    const { listed } = this.workflows;
    return listed === undefined ? what : outlineOf(what, listed);
  }

  /** Closes it at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @throws {ClosedError} */
  protected override requireOpen(): void {
    if (this.isClosed) throw this.closed();
  }

  protected closed(): ClosedError {
    return new ClosedError(`This ${this.workflows.owner} is closed. Create another one.`);
  }

  /** The runs that are driven here, by id. */
  protected get driven(): ReadonlyMap<string, RunSlot> {
    return NO_RUNS;
  }

  /** @throws {StoreError} NOT_FOUND */
  private async workflowOf(runId: string): Promise<RunWorkflow> {
    const found = await this.store.queue.workflowOf(runId);
    if (found === undefined) throw notFound(runId);
    return found;
  }
}
