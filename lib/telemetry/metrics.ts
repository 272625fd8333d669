import type { Attributes, Counter, Gauge, Histogram, Meter, ObservableResult } from "@opentelemetry/api";
import type { WaitingRuns } from "../engine/telemetry/telemetry.js";
import type { RunEvent } from "../run/events.js";
import { errorTypeOf, Name } from "./attributes.js";
import { safely } from "./safely.js";

/** From a few ms to hours, in seconds. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21_600];

/** The instruments of a meter. Their attributes are names from the code of workflows, statuses and kinds of errors. */
export class Metrics {
  private readonly runs: Histogram;
  private readonly nodes: Histogram;
  private readonly waits: Histogram;
  private readonly retries: Counter;
  private readonly hits: Counter;
  private readonly circuits: Gauge;

  constructor(meter: Meter) {
    const seconds = (description: string) => ({
      description,
      unit: "s",
      advice: { explicitBucketBoundaries: BOUNDARIES },
    });
    this.runs = meter.createHistogram("dagwright.run.duration", seconds("How long a run took here."));
    this.nodes = meter.createHistogram("dagwright.node.duration", seconds("How long a node took, with its retries."));
    this.waits = meter.createHistogram("dagwright.queue.wait", seconds("How long a ready node waited to start."));
    const retries = { description: "Attempts that followed a failed one.", unit: "{attempt}" };
    this.retries = meter.createCounter("dagwright.retries", retries);
    const hits = { description: "Results that came from a cache.", unit: "{result}" };
    this.hits = meter.createCounter("dagwright.cache.hits", hits);
    const circuits = { description: "1 while a circuit is open, and 0 once it is closed again.", unit: "{circuit}" };
    this.circuits = meter.createGauge("dagwright.circuit.state", circuits);
  }

  run(workflow: string, status: string, error: unknown, duration: number): void {
    this.runs.record(duration / 1000, { [Name.workflow]: workflow, [Name.runStatus]: status, ...errorOf(error) });
  }

  node(workflow: string, node: string, status: string, error: unknown, duration: number): void {
    const attributes = { ...nodeOf(workflow, node), [Name.nodeStatus]: status, ...errorOf(error) };
    this.nodes.record(duration / 1000, attributes);
  }

  queueWait(workflow: string, node: string, duration: number): void {
    this.waits.record(duration / 1000, nodeOf(workflow, node));
  }

  retry(workflow: string, node: string): void {
    this.retries.add(1, nodeOf(workflow, node));
  }

  cacheHit(workflow: string, node: string): void {
    this.hits.add(1, nodeOf(workflow, node));
  }

  circuit(workflow: string, node: string, { type, key }: Pick<CircuitEvent, "type" | "key">): void {
    const attributes = key === undefined ? nodeOf(workflow, node) : { [Name.circuit]: key };
    this.circuits.record(type === "circuit.opened" ? 1 : 0, attributes);
  }
}

type CircuitEvent = Extract<RunEvent, { type: "circuit.opened" | "circuit.closed" }>;

/** The instruments of the meter that is registered at present. */
export class CurrentMetrics {
  private readonly known = new WeakMap<Meter, Metrics>();
  private readonly none: Metrics;

  constructor(
    private readonly meter: () => Meter,
    noop: Meter,
  ) {
    this.none = new Metrics(noop);
  }

  get now(): Metrics {
    return safely(() => this.of(this.meter()), this.none);
  }

  private of(meter: Meter): Metrics {
    let metrics = this.known.get(meter);
    if (metrics === undefined) this.known.set(meter, (metrics = new Metrics(meter)));
    return metrics;
  }
}

/** Reports how many runs wait, whenever metrics are collected. Returns a function that ends that. */
export function watchRuns(meter: Meter, count: () => Promise<WaitingRuns>): () => void {
  const options = { description: "Runs that wait: for a time or an event, or for a service.", unit: "{run}" };
  const gauge = meter.createObservableGauge("dagwright.runs.waiting", options);
  const observe = async (result: ObservableResult): Promise<void> => {
    const { waiting, due } = await count();
    result.observe(waiting, { [Name.waitsFor]: "event" });
    result.observe(due, { [Name.waitsFor]: "service" });
  };
  gauge.addCallback(observe);
  return () => gauge.removeCallback(observe);
}

function nodeOf(workflow: string, node: string): Attributes {
  return { [Name.workflow]: workflow, [Name.node]: node };
}

function errorOf(error: unknown): Attributes {
  return error === undefined ? {} : { [Name.errorType]: errorTypeOf(error) };
}
