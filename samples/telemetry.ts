/**
 * Traces a run with OpenTelemetry, and prints its spans as a tree: `npx tsx samples/telemetry.ts`
 *
 *     run report
 *     · node load
 *     · · attempt load (failed)
 *     · · attempt load (completed)
 *     · · · query
 *     · node check
 *     · · attempt check (completed)
 *     · · · run check
 *     · · · · node count
 *     · · · · · attempt count (completed)
 */
import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { Dag, type Context } from "dagwright";
import { otel } from "dagwright/otel";

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();

const check = new Dag("check");
check.node("count", (rows: number[]) => rows.length);

let calls = 0;
const report = new Dag("report", { runOptions: { telemetry: otel() } });
report.node("load", { retry: { retries: 1, delay: 10 } }, async (ctx: Context) => {
  if (++calls === 1) throw new Error("The database is busy.");
  ctx.log("loaded", { rows: 3 });
  return trace.getTracer("sample").startActiveSpan("query", (span) => {
    span.end();
    return [1, 2, 3];
  });
});
report.node("check", { needs: ["load"] }, check);

await report.run();

const spans = exporter.getFinishedSpans();
function print(span: ReadableSpan, indent = ""): void {
  const { "dagwright.attempt.status": status } = span.attributes;
  console.log(`${indent}${span.name}${typeof status === "string" ? ` (${status})` : ""}`);
  const { spanId } = span.spanContext();
  for (const child of spans) if (child.parentSpanContext?.spanId === spanId) print(child, `${indent}· `);
}
for (const span of spans) if (span.parentSpanContext === undefined) print(span);
