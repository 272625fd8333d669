/**
 * A process with a service to be killed: it drives runs of {@link stages}, and writes the spans that end to its standard
 * output, a line each. Argument: the database.
 */
import { trace } from "@opentelemetry/api";
import { SimpleSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { Dag } from "../../lib/index.js";
import { otel } from "../../lib/otel.js";
import { Service } from "../../lib/service.js";
import { sqliteStore } from "../../lib/store.js";
import { factsOf } from "./traced-facts.js";

/** Two nodes, the second of which never completes where `hangs`. */
export function stages(hangs: boolean): Dag<any> {
  const dag = new Dag<any>("stages");
  const inSpan = () => trace.getTracer("user").startActiveSpan("inside", (span) => span.end());
  dag.node("first", () => {
    inSpan();
    return 1;
  });
  dag.node("second", { needs: ["first"] }, (first: number) => {
    inSpan();
    return hangs ? new Promise(() => {}) : first + 1;
  });
  return dag;
}

const [database] = process.argv.slice(2);
if (database?.endsWith(".db") === true) {
  const exporter = {
    export: (spans: ReadableSpan[]) =>
      spans.forEach((span) => process.stdout.write(`${JSON.stringify(factsOf(span))}\n`)),
    shutdown: () => Promise.resolve(),
  };
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  const service = new Service({ store: sqliteStore(database), workflows: [stages(true)], telemetry: otel() });
  await service.start();
  setInterval(() => {}, 60_000);
}
