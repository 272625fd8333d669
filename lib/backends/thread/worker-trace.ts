import type * as Api from "@opentelemetry/api";
import { contextOf, loadOpenTelemetry } from "../../base/open-telemetry.js";
import { tryOr } from "../../base/safe-access.js";

/** Undefined before the first call with a trace; null where the API can't be loaded, as in some bundles. */
let api: typeof Api | undefined | null;

/** Calls `work` as part of a trace, if OpenTelemetry is set up on this thread. */
export function withinTrace<T>(trace: string, work: () => T): T {
  if (api === undefined) api = tryOr<typeof Api | null>(loadOpenTelemetry, null);
  const parent = api === null ? undefined : contextOf(api, trace);
  return parent === undefined ? work() : (api as typeof Api).context.with(parent, work);
}
