/** `dagwright/service`: services that drive recorded runs, and clients that submit them. */
export { Client } from "./service/client.js";
export { Service, type ServiceHealth } from "./service/service.js";
export { SubmittedRun } from "./service/submitted-run.js";
export { nextRuns, type NextRunsOptions } from "./timetables/next-runs.js";
export { FoundRun } from "./service/found-run.js";
export type { FollowedEvent } from "./service/event-names.js";
export type {
  ClientOptions,
  FollowOptions,
  RateLimit,
  ServiceOptions,
  ServiceReplayOptions,
  ServiceResumeOptions,
  ServiceSendOptions,
  StopOptions,
  SubmitOptions,
} from "./service/options.js";
export type { ServiceQueue } from "./service/queue.js";
export type { ScheduleInfo, ScheduleOptions } from "./service/schedules.js";
export type { CatchUp, Overlap, TimingOptions } from "./timetables/schedule-definition.js";
export type { WorkflowRef } from "./service/workflow-types.js";
