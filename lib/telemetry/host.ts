import type * as Api from "@opentelemetry/api";
import type { FollowedRun, RunTelemetry } from "../engine/telemetry/telemetry.js";
import type { LogRecords } from "./log-records.js";
import type { CurrentMetrics } from "./metrics.js";

/** OpenTelemetry, as the spans of runs use it. */
export interface Otel {
  readonly api: typeof Api;
  readonly tracer: Api.Tracer;
  readonly metrics: CurrentMetrics;
  readonly logs: LogRecords;
  /** Follows a run. @param parent - the context of what it is a part of */
  followIn(parent: Api.Context, run: FollowedRun): RunTelemetry;
}
