/** The request to a run's driver, as a column of the run's row. */
import { messageOf } from "../../base/message.js";
import { unreadable } from "../values/unreadable.js";
import { sanitize } from "../values/storable-text.js";
import type { DriverRequest } from "./queue.js";

/** The reason is kept as text, since it may come from another process. */
export function requestText({ kind, reason }: DriverRequest): string {
  return JSON.stringify({ kind, reason: reason === undefined ? undefined : sanitize(messageOf(reason)) });
}

/** @throws {StoreError} STORE for a corrupt row */
export function parseRequest(runId: string, text: string): DriverRequest {
  try {
    const { kind, reason } = JSON.parse(text) as Partial<DriverRequest>;
    const isReason = reason === undefined || typeof reason === "string";
    if ((kind === "cancel" || kind === "pause") && isReason) return { kind, reason };
  } catch {
    // Invalid JSON is reported below.
  }
  throw unreadable(runId, 'column "request" in table runs', "it must say whether to cancel or to pause");
}
