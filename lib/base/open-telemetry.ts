/** Traces as text, as they go to other threads and to stores: W3C Trace Context, `traceparent` and `tracestate`. */
import type * as Api from "@opentelemetry/api";
import { load } from "./own-files.js";

const TRACEPARENT = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/u;

/** Loads the API of OpenTelemetry. Its copies in a process share what is registered. @throws when it is not installed */
export function loadOpenTelemetry(): typeof Api {
  return load("@opentelemetry/api") as typeof Api;
}

/** The trace of a span as text; undefined for a span without one, as when no SDK is registered. */
export function traceOf(
  { isSpanContextValid }: Pick<typeof Api, "isSpanContextValid">,
  span: Api.SpanContext,
): string | undefined {
  if (!isSpanContextValid(span)) return undefined;
  const { traceId, spanId, traceFlags, traceState } = span;
  const parent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  const state = traceState?.serialize();
  return state ? `${parent} ${state}` : parent;
}

/** The context that a trace stands for; undefined if the text is none. */
export function contextOf(
  { ROOT_CONTEXT, trace, createTraceState }: typeof Api,
  text: string,
): Api.Context | undefined {
  const [parent, ...state] = text.split(" ");
  const [, traceId, spanId, flags] = TRACEPARENT.exec(parent) ?? [];
  if (traceId === undefined) return undefined;
  const traceState = state.length === 0 ? undefined : createTraceState(state.join(" "));
  const traceFlags = Number.parseInt(flags, 16);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, traceState, isRemote: true });
}
