/** The port of schedules: what services and clients need of a store. */
import type { StoreError } from "../../../base/errors.js";
import type { ScheduleDefinition } from "../../../timetables/schedule-definition.js";
import type { WorkflowKind } from "../../store.js";

/** Schedules that submit runs. All times are by the clock that the store's clients share. */
export interface Schedules {
  /**
   * Records a schedule, or replaces its definition. An equal definition changes nothing.
   * @throws {StoreError} UNSTORABLE
   */
  put(schedule: NewSchedule): Promise<void>;
  /** Removes a schedule. Its runs stay. @throws {StoreError} NOT_FOUND */
  remove(name: string): Promise<void>;
  /** All schedules, ordered by name. */
  list(): Promise<readonly RecordedSchedule[]>;
  /**
   * Pauses a schedule, or lets it continue. Runs that were due while it was paused are not made up for.
   * @throws {StoreError} NOT_FOUND
   */
  setPaused(name: string, isPaused: boolean): Promise<void>;
  /** Submits a run now, regardless of the schedule. @returns the run's id @throws {StoreError} NOT_FOUND */
  trigger(name: string): Promise<string>;
  /**
   * Submits the runs of all due schedules, and lets runs begin that waited for earlier ones.
   * @param watchedFor - how long the caller has watched the schedules, in ms
   */
  fire(watchedFor: number): Promise<Fired>;
}

export interface NewSchedule {
  readonly name: string;
  readonly workflow: string;
  /** Undefined if only the name of the workflow is known. */
  readonly kind: WorkflowKind | undefined;
  readonly definition: ScheduleDefinition;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Values that the nodes of each run share. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** The priority of its runs, from 0 to 100. */
  readonly priority: number;
}

export interface RecordedSchedule {
  readonly name: string;
  readonly workflow: string;
  /** The definition, or the error of reading it: then the schedule submits no runs. */
  readonly definition: ScheduleDefinition | StoreError;
  /** Undefined if they can't be decoded, such as an instance of a class that is not among the store's types. */
  readonly inputs: Readonly<Record<string, unknown>> | undefined;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  readonly priority: number;
  /** The nominal times of its next run and of its last one, in ms since 1970. */
  readonly next: number | undefined;
  readonly last: number | undefined;
  readonly isPaused: boolean;
}

export interface Fired {
  /** How long until the next schedule is due, in ms; undefined if none is. */
  readonly nextIn: number | undefined;
  /** Whether runs wait for earlier ones of their schedule. They may begin when any run ends. */
  readonly hasHeld: boolean;
}
