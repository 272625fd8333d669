import type { Context } from "@opentelemetry/api";
import type { Logger } from "@opentelemetry/api-logs";
import { load, VERSION } from "../base/own-files.js";
import { tryOr } from "../base/safe-access.js";
import type { LogLine } from "../run/events.js";
import { fieldsOf, Name, SCOPE } from "./attributes.js";

/** The severity numbers of OpenTelemetry. */
const SEVERITY = { debug: 5, info: 9, warn: 13, error: 17 } as const;

/** The lines of `ctx.log` as log records, if the package @opentelemetry/api-logs is installed. */
export class LogRecords {
  /** Undefined before the first line; null where the package is not installed. */
  private api: { readonly logs: { getLogger(name: string, version: string): Logger } } | undefined | null;

  /** @param context - of the attempt that wrote the line */
  emit(line: LogLine, place: { readonly runId: string; readonly node: string }, context: Context): void {
    if (this.api === undefined) this.api = tryOr(() => load("@opentelemetry/api-logs") as LogRecords["api"], null);
    this.api?.logs.getLogger(SCOPE, VERSION).emit({
      body: line.message,
      severityNumber: SEVERITY[line.level],
      severityText: line.level.toUpperCase(),
      attributes: { ...fieldsOf(line), [Name.runId]: place.runId, [Name.node]: place.node },
      context,
    });
  }
}
