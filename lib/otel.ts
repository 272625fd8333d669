/** `dagwright/otel`: traces, metrics and logs of runs, for OpenTelemetry. */
export { otel, type OtelOptions } from "./telemetry/otel.js";
