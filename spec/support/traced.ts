/** OpenTelemetry with exporters that keep what they get, and spans as a tree of text. */
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { logs } from "@opentelemetry/api-logs";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, SimpleSpanProcessor, type SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { factsOf, type SpanFacts } from "./traced-facts.js";

export type { SpanFacts } from "./traced-facts.js";

/** Spans, each indented below its parent, in the order in which they began. @param show - what to say of each */
export function treeOf(spans: readonly SpanFacts[], show: (span: SpanFacts) => string = ({ name }) => name): string[] {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const below = (parent: SpanFacts, depth: number): string[] => [
    `${"  ".repeat(depth)}${show(parent)}`,
    ...spans.filter((span) => span.parent === parent.spanId).flatMap((span) => below(span, depth + 1)),
  ];
  return spans.filter(({ parent }) => parent === undefined || !known.has(parent)).flatMap((root) => below(root, 0));
}

/** Registers an SDK for the specs of a file. */
export function useOpenTelemetry() {
  const exporter = new InMemorySpanExporter();
  const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 1_000_000 });
  const logged = new InMemoryLogRecordExporter();
  const order = new Map<string, number>();
  const inOrder: SpanProcessor = {
    onStart: (span) => void order.set(span.spanContext().spanId, order.size),
    onEnd() {},
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const tracerProvider = new NodeTracerProvider({ spanProcessors: [inOrder, new SimpleSpanProcessor(exporter)] });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const loggerProvider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter: logged })] });
  beforeAll(() => {
    tracerProvider.register();
    metrics.setGlobalMeterProvider(meterProvider);
    logs.setGlobalLoggerProvider(loggerProvider);
  });
  beforeEach(() => {
    exporter.reset();
    logged.reset();
  });
  afterAll(async () => {
    await meterProvider.shutdown();
    for (const api of [trace, context, propagation, metrics, logs]) api.disable();
  });
  const placeOf = (span: SpanFacts) => order.get(span.spanId) as number;
  const spans = () =>
    exporter
      .getFinishedSpans()
      .map(factsOf)
      .toSorted((a, b) => placeOf(a) - placeOf(b));
  return {
    exporter,
    logged,
    /** The finished spans in the order in which they began. */
    spans,
    tree: (show?: (span: SpanFacts) => string) => treeOf(spans(), show),
    traces: () => new Set(spans().map(({ traceId }) => traceId)).size,
    /** The points of a metric at present: attributes, and the value or the number of values. */
    points: async (name: string) => {
      measured.reset();
      await reader.forceFlush();
      const found = measured
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
        .filter(({ descriptor }) => descriptor.name === name);
      return found.flatMap(({ dataPoints }) =>
        dataPoints.map(({ attributes, value }) => ({
          ...attributes,
          value: typeof value === "number" ? value : value.count,
        })),
      );
    },
  };
}
