import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as Api from "@opentelemetry/api";
import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { otel } from "dagwright/otel";
import { factsOf, type SpanFacts } from "../support/traced-facts.js";
import { treeOf } from "../support/traced.js";

afterEach(() => {
  for (const api of [trace, context, metrics]) api.disable();
  vi.restoreAllMocks();
});

function nested(): Dag {
  const inner = new Dag("inner");
  inner.node("deep", async () => 2);
  const dag = new Dag("outer");
  dag.node("check", inner);
  dag.node("add", { needs: ["check"] }, (n: number) => n + 1);
  return dag;
}

const TREE = [
  "run outer",
  "  node check",
  "    attempt check",
  "      run inner",
  "        node deep",
  "          attempt deep",
  "  node add",
  "    attempt add",
];

/** In memory, and in the order of their beginning. */
function provider() {
  const order: string[] = [];
  const exporter = new InMemorySpanExporter();
  const inOrder = { onStart: (span: Api.Span) => void order.push(span.spanContext().spanId), onEnd() {} };
  const rest = { forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };
  const processors = [{ ...inOrder, ...rest }, new SimpleSpanProcessor(exporter)];
  const tree = () => {
    const spans: SpanFacts[] = exporter.getFinishedSpans().map(factsOf);
    return treeOf(spans.sort((a, b) => order.indexOf(a.spanId) - order.indexOf(b.spanId)));
  };
  return { provider: new BasicTracerProvider({ spanProcessors: processors }), tree };
}

describe("Telemetry", () => {
  it("does nothing where no SDK is registered", async () => {
    expect((await nested().run({ telemetry: otel() })).value).toBe(3);
  });

  it("takes an SDK that is registered after it was made, and one that is given", async () => {
    const telemetry = otel();
    const registered = provider();
    trace.setGlobalTracerProvider(registered.provider);
    await nested().run({ telemetry });
    expect(registered.tree()).toEqual(TREE);
    const given = provider();
    await nested().run({ telemetry: otel({ tracerProvider: given.provider }) });
    expect(given.tree()).toEqual(TREE);
    expect(registered.tree()).toEqual(TREE);
  });

  it("survives an SDK that throws wherever it can, and warns", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const fails = () => {
      throw new Error("broken exporter");
    };
    const rest = { forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };
    const processors = [
      { onStart: fails, onEnd() {} },
      { onStart() {}, onEnd: fails },
    ];
    for (const processor of processors) {
      const broken = new BasicTracerProvider({ spanProcessors: [{ ...processor, ...rest }] });
      expect((await nested().run({ telemetry: otel({ tracerProvider: broken }) })).value).toBe(3);
    }
    const noSpans = { getTracer: () => ({ startSpan: fails, startActiveSpan: fails }) };
    const noMetrics = { getMeter: () => ({ createHistogram: fails, createCounter: fails, createGauge: fails }) };
    const telemetry = otel({ tracerProvider: noSpans as never, meterProvider: noMetrics as never });
    expect((await nested().run({ telemetry })).value).toBe(3);
    const none = otel({ tracerProvider: { getTracer: fails }, meterProvider: { getMeter: fails } });
    expect((await nested().run({ telemetry: none })).value).toBe(3);
    expect(warned).toHaveBeenCalledWith("OpenTelemetry threw: broken exporter", "DagwrightTelemetryWarning");
  });

  it("works with an SDK that another copy of the API has registered", async () => {
    const folder = mkdtempSync(join(tmpdir(), "dagwright-api-"));
    const entry = createRequire(import.meta.url).resolve("@opentelemetry/api");
    cpSync(join(entry, "../../.."), join(folder, "api"), { recursive: true });
    const copy = createRequire(join(folder, "_"))("./api") as typeof Api;
    expect(copy.trace).not.toBe(trace);
    const registered = provider();
    copy.trace.setGlobalTracerProvider(registered.provider);
    copy.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    await copy.trace.getTracer("user").startActiveSpan("request", async (span) => {
      await nested().run({ telemetry: otel() });
      span.end();
    });
    expect(registered.tree()).toEqual(["request", ...TREE.map((line) => `  ${line}`)]);
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ["otel", /^"telemetry" must be made by otel\(\) of "dagwright\/otel"; received "otel"\.$/u],
    [{}, /^"telemetry" must be made by otel\(\)/u],
  ])("is refused unless otel made it: %j", async (telemetry, message) => {
    await expect(nested().run({ telemetry: telemetry as never })).rejects.toThrow(message);
  });

  it("has options, which are checked", () => {
    expect(() => otel({ tracerProvider: 1 as never })).toThrow(
      /^"tracerProvider" must be a provider of OpenTelemetry/u,
    );
    expect(() => otel({ meter: 1 } as never)).toThrow(/^Unknown option "meter" of otel\./u);
  });
});
