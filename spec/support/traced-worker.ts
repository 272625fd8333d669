/** Processes with an SDK of their own, which tell of the trace that their functions are called in. */
import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { Dag } from "dagwright";
import { serveNodes } from "dagwright/backends";
import { worker, type WorkerOptions } from "dagwright/bullmq";

/** The trace and the parent of a span that a function begins. */
export interface Seen {
  readonly pid: number;
  readonly traceId: string;
  readonly parent: string | null;
  readonly state: string | null;
}

const exporter = new InMemorySpanExporter();

/** A node that begins a span after an await, also for each item of a map. */
export const traced = new Dag<any>("traced");
const inSpan = async (): Promise<Seen> => {
  await Promise.resolve();
  const span = trace.getTracer("user").startActiveSpan("inside", (active) => (active.end(), active));
  const { traceId, traceState } = span.spanContext();
  const finished = exporter.getFinishedSpans().find((one) => one.spanContext().spanId === span.spanContext().spanId);
  const parent = finished?.parentSpanContext?.spanId ?? null;
  return { pid: process.pid, traceId, parent, state: traceState?.serialize() ?? null };
};
traced.node("list", { backend: "inline" }, () => [1, 2]);
traced.node("alone", inSpan);
traced.map("each", { needs: ["list"], params: ["item"] }, inSpan);
traced.node("fails", { params: ["ctx"], retry: { retries: 1, delay: 0 } }, async ({ attempt }: { attempt: number }) => {
  if (attempt === 1) throw new Error("no");
  return inSpan();
});

const options = process.argv[2];
if (options?.startsWith("{") === true) {
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  const { kind, ...own } = JSON.parse(options) as { kind: "worker" | "server" } & Omit<WorkerOptions, "workflows">;
  if (kind === "worker") {
    await worker({ ...own, workflows: [traced], concurrency: 4 }).ready();
    process.stdout.write("ready\n");
  } else {
    process.stdout.write(`${(await serveNodes(traced)).url}\n`);
  }
}
