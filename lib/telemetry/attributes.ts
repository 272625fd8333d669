/** The names of attributes, metrics and spans, and the values of attributes. `docs/telemetry.md` says what they mean. */
import type * as Api from "@opentelemetry/api";
import type { Attributes, AttributeValue, Span } from "@opentelemetry/api";
import { show } from "../base/check.js";
import { messageOf } from "../base/message.js";
import type { LogLine } from "../run/events.js";

export const SCOPE = "dagwright";

export const Name = {
  workflow: "dagwright.workflow.name",
  kind: "dagwright.workflow.kind",
  runId: "dagwright.run.id",
  runStatus: "dagwright.run.status",
  resumed: "dagwright.run.resumed",
  node: "dagwright.node.name",
  nodeStatus: "dagwright.node.status",
  cached: "dagwright.node.cached",
  attempt: "dagwright.attempt.number",
  attemptStatus: "dagwright.attempt.status",
  item: "dagwright.item.index",
  cycle: "dagwright.cycle",
  skippedBy: "dagwright.skipped_by",
  event: "dagwright.event",
  until: "dagwright.until",
  circuit: "dagwright.circuit.key",
  waitsFor: "dagwright.waiting.for",
  message: "message",
  severity: "level",
  /** Of OpenTelemetry's semantic conventions. */
  errorType: "error.type",
} as const;

/** What kind of error it is, of few: the code of one of ours, or the name of any other. */
export function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return "_OTHER";
  const { code, name } = error as Error & { code?: unknown };
  return typeof code === "string" && code !== "" ? code : name;
}

/** Says on a span what it failed with. */
export function fail(span: Span, { SpanStatusCode }: Pick<typeof Api, "SpanStatusCode">, error: unknown): void {
  noteError(span, error);
  span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
}

/** Notes an error on a span, which may not have failed because of it. */
export function noteError(span: Span, error: unknown): void {
  span.setAttribute(Name.errorType, errorTypeOf(error));
  span.recordException(error instanceof Error ? error : messageOf(error));
}

/** The fields of a line as attributes: what is no attribute is shown as text. */
export function fieldsOf({ fields }: LogLine): Attributes {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, attributeOf(value)]));
}

function attributeOf(value: unknown): AttributeValue {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)
    ? (value as AttributeValue)
    : show(value);
}
