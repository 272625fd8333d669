import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import { checkOptions, label, show, type OptionName, type Rules } from "../base/check.js";
import { messageOf } from "../base/message.js";
import { loadOpenTelemetry } from "../base/open-telemetry.js";
import type { Telemetry } from "../engine/telemetry/telemetry.js";
import { OtelTelemetry } from "./otel-telemetry.js";

/** The options of `otel`. */
export interface OtelOptions {
  /** @defaultValue the one that is registered, when a run begins */
  tracerProvider?: TracerProvider | undefined;
  /** @defaultValue the one that is registered, when a run begins */
  meterProvider?: MeterProvider | undefined;
}

const RULES: Rules<OtelOptions> = {
  tracerProvider: (option, provider) => checkProvider(option, provider, "getTracer"),
  meterProvider: (option, provider) => checkProvider(option, provider, "getMeter"),
};

/**
 * Telemetry through OpenTelemetry, for `run`, for workflows, services and clients, as their option `telemetry`: a span for
 * each run, each node that starts, and each attempt; metrics; the lines of `ctx.log` as events of spans, and as log
 * records if the package @opentelemetry/api-logs is installed. What goes where is up to the SDK that the process has
 * registered. Without one, nothing happens.
 *
 * Spans of runs are children of the span that is active where the run is begun or submitted. Inside of a node, the span
 * of its attempt is active. Nothing that an SDK throws reaches the run: it becomes a process warning.
 * @throws {TypeError} naming the option and the value received; {Error} when the package @opentelemetry/api, an optional
 *   peer dependency, is not installed
 */
export function otel(options: OtelOptions = {}): Telemetry {
  checkOptions(options, RULES, "otel");
  return new OtelTelemetry(requiredApi(), options);
}

function requiredApi(): ReturnType<typeof loadOpenTelemetry> {
  try {
    return loadOpenTelemetry();
  } catch (cause) {
    const [reason] = messageOf(cause).split("\n", 1);
    const message = `dagwright/otel needs the package @opentelemetry/api, which can't be loaded: ${reason}. Run "npm install @opentelemetry/api".`;
    throw new Error(message, { cause });
  }
}

/** @throws {TypeError} unless it has the method */
function checkProvider(option: OptionName, provider: unknown, method: string): void {
  const isProvider = typeof provider === "object" && provider !== null;
  if (isProvider && typeof Reflect.get(provider, method) === "function") return;
  throw new TypeError(`${label(option)} must be a provider of OpenTelemetry; received ${show(provider)}.`);
}
