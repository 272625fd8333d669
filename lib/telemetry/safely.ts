import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";

/** Calls `work`, which is of an SDK: what it throws becomes a process warning. */
export function safely<T>(work: () => T, fallback: T): T {
  try {
    return work();
  } catch (error) {
    warn(`OpenTelemetry threw: ${messageOf(error)}`, "DagwrightTelemetryWarning");
    return fallback;
  }
}
