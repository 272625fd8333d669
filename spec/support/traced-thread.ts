/** Nodes that begin spans on worker threads, where this module registers an SDK of its own. */
import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { isMainThread } from "node:worker_threads";
import { Dag, type Context } from "dagwright";

const exporter = new InMemorySpanExporter();
if (!isMainThread) new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();

/** The trace and the parent of a span that a function on this thread begins. */
async function inSpan(): Promise<{ isMainThread: boolean; traceId: string; parent: string | undefined }> {
  await Promise.resolve();
  trace.getTracer("user").startActiveSpan("inside", (span) => span.end());
  const span = exporter.getFinishedSpans().at(-1);
  return { isMainThread, traceId: span?.spanContext().traceId ?? "", parent: span?.parentSpanContext?.spanId };
}

export const traced = new Dag("traced");
traced.node("list", () => [1, 2]);
traced.node("alone", { backend: "thread" }, inSpan);
traced.map("each", { needs: ["list"], backend: "thread", batch: 2, params: ["item"] }, inSpan);
traced.node("logs", { backend: "thread" }, (ctx: Context) => {
  ctx.log("on a thread", { rows: 3 }, "warn");
  for (const [fields, level] of [[{ f: () => 1 }], [{}, "loud"]] as const) {
    try {
      ctx.log("bad", fields as Record<string, unknown>, level as "warn");
    } catch (error) {
      ctx.log((error as Error).message);
    }
  }
});
