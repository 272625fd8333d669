import type * as Api from "@opentelemetry/api";
import { contextOf, loadOpenTelemetry } from "./open-telemetry.js";
import { tryOr } from "./safe-access.js";

/** Undefined before the first call with a trace; null where the API can't be loaded, as in some bundles. */
let api: typeof Api | undefined | null;

/**
 * Calls `work` as part of a trace, if OpenTelemetry is set up in this thread. A span of that trace that is active already,
 * as of a server that is instrumented, stays.
 */
export function withinTrace<T>(trace: string, work: () => T): T {
  if (api === undefined) api = tryOr<typeof Api | null>(loadOpenTelemetry, null);
  if (api === null) return work();
  const parent = contextOf(api, trace);
  if (parent === undefined) return work();
  const traceId = api.trace.getSpanContext(parent)?.traceId;
  if (api.trace.getActiveSpan()?.spanContext().traceId === traceId) return work();
  return api.context.with(parent, work);
}
