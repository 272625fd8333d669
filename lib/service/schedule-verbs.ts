import { checkNonEmptyString } from "../base/check.js";
import { priorityOf } from "../definition/specs/node-options.js";
import type { SqlStore } from "../stores/sql-store.js";
import type { KnownWorkflows } from "./known-workflows.js";
import type { PendingResults } from "./pending-results.js";
import { checkSchedule, scheduleInfo, type ScheduleInfo, type ScheduleOptions } from "./schedules.js";
import { SubmittedRun } from "./submitted-run.js";
import { copiesOf } from "./verb-arguments.js";
import type { InputsOf, WorkflowRef } from "./workflow-types.js";

/** The verbs of clients and services that are about schedules. */
export abstract class ScheduleVerbs {
  protected abstract readonly store: SqlStore;
  protected abstract readonly workflows: KnownWorkflows;
  protected abstract readonly results: PendingResults;

  /** @throws {ClosedError} */
  protected abstract requireOpen(): void;

  /**
   * Records a schedule: services submit runs of the workflow when it is due, each exactly once, as
   * `<name>@<nominal time in ISO 8601>`. The same name and definition again change nothing; another definition replaces
   * it, and what is missed of the same times is still made up for. Its runs begin with the current version of the
   * workflow. Resolves when it is recorded.
   * @param name - unique in the store
   * @throws {ValidationError} | {MissingInputError} for an unknown workflow, an earlier version of one, and for inputs that
   *   `run` would reject; {InvalidNodeError} for what is no workflow; {TypeError} | {RangeError} for other options, such as a bad cron expression, naming what is wrong and where
   * @throws {StoreError} UNSTORABLE
   */
  async schedule<W extends WorkflowRef>(
    name: string,
    workflow: W,
    options: ScheduleOptions<InputsOf<W>>,
  ): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    this.requireOpen();
    const { definition, inputs: given, ...own } = checkSchedule(name, options);
    const { name: workflowName, workflow: known } = this.workflows.resolveCurrent(workflow);
    const inputs = copiesOf(this.store, given);
    const metadata = own.metadata && copiesOf(this.store, own.metadata);
    await known?.submission({ inputs, metadata });
    // As they were given: the version that is current when a run begins checks them again.
    const priority = priorityOf(own.priority);
    const scheduled = { name, workflow: workflowName, kind: known?.kind, definition, inputs, metadata, priority };
    await this.store.schedules.put(scheduled);
  }

  /** Removes a schedule. Runs that it has submitted stay. @throws {StoreError} NOT_FOUND */
  async unschedule(name: string): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    checkNonEmptyString("name", name);
    this.requireOpen();
    await this.store.schedules.remove(name);
  }

  /** The recorded schedules, by name. One that can't be read has its {StoreError} as `error`. @throws {StoreError} */
  async schedules(): Promise<ScheduleInfo[]> {
    this.requireOpen();
    return (await this.store.schedules.list()).map(scheduleInfo);
  }

  /** Submits no runs of a schedule until it is resumed. Idempotent. @throws {StoreError} NOT_FOUND */
  async pauseSchedule(name: string): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    checkNonEmptyString("name", name);
    this.requireOpen();
    await this.store.schedules.setPaused(name, true);
  }

  /**
   * Submits runs of a paused schedule again, from its next time on: what came while it was paused is not made up for.
   * Idempotent. @throws {StoreError} NOT_FOUND; STORE when it can't be read
   */
  async resumeSchedule(name: string): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    checkNonEmptyString("name", name);
    this.requireOpen();
    await this.store.schedules.setPaused(name, false);
  }

  /**
   * Submits a run of a schedule now, also while it is paused or an earlier run is unfinished. Its next time stays the
   * same. @throws {StoreError} NOT_FOUND
   */
  async trigger(name: string): Promise<SubmittedRun> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    checkNonEmptyString("name", name);
    this.requireOpen();
    return new SubmittedRun(await this.store.schedules.trigger(name), this.results, { isNew: true });
  }
}
