import type * as Api from "@opentelemetry/api";
import { contextOf, traceOf } from "../base/open-telemetry.js";
import { VERSION } from "../base/own-files.js";
import type { FollowedRun, RunTelemetry, Telemetry, WaitingRuns } from "../engine/telemetry/telemetry.js";
import { fail, Name, SCOPE } from "./attributes.js";
import type { Otel } from "./host.js";
import { LogRecords } from "./log-records.js";
import { CurrentMetrics, watchRuns } from "./metrics.js";
import type { OtelOptions } from "./otel.js";
import { OtelRun } from "./otel-run.js";
import { safely } from "./safely.js";

/** See `otel`. */
export class OtelTelemetry implements Telemetry, Otel {
  readonly metrics: CurrentMetrics;
  readonly logs = new LogRecords();

  constructor(
    readonly api: typeof Api,
    private readonly options: OtelOptions,
  ) {
    this.metrics = new CurrentMetrics(() => this.meter, api.createNoopMeter());
  }

  /** Asked for each time: it may be registered later. */
  get tracer(): Api.Tracer {
    const { api, options } = this;
    const tracer = safely(() => (options.tracerProvider ?? api.trace).getTracer(SCOPE, VERSION), undefined);
    return tracer ?? new api.ProxyTracerProvider().getTracer(SCOPE);
  }

  private get meter(): Api.Meter {
    return (this.options.meterProvider ?? this.api.metrics).getMeter(SCOPE, VERSION);
  }

  follow(run: FollowedRun): RunTelemetry {
    return this.followIn(this.parentOf(run), run);
  }

  followIn(parent: Api.Context, run: FollowedRun): RunTelemetry {
    return new OtelRun(this, run, parent);
  }

  /** What is recorded of its trace, or else the context of the caller. */
  private parentOf({ past }: FollowedRun): Api.Context {
    const recorded = past?.trace === undefined ? undefined : contextOf(this.api, past.trace);
    return recorded ?? this.api.context.active();
  }

  async submit<T extends { readonly runId: string }>(
    workflow: string,
    send: (trace: string | undefined) => Promise<T>,
  ): Promise<T> {
    const { api } = this;
    const options = { kind: api.SpanKind.PRODUCER, attributes: { [Name.workflow]: workflow } };
    const span = safely(() => this.tracer.startSpan(`submit ${workflow}`, options), undefined);
    if (span === undefined) return send(undefined);
    const context = api.trace.setSpan(api.context.active(), span);
    try {
      const submitted = await api.context.with(context, () => send(traceOf(api, span.spanContext())));
      safely(() => span.setAttribute(Name.runId, submitted.runId), undefined);
      return submitted;
    } catch (error) {
      safely(() => fail(span, api, error), undefined);
      throw error;
    } finally {
      safely(() => span.end(), undefined);
    }
  }

  watch(count: () => Promise<WaitingRuns>): () => void {
    const stop = safely(() => watchRuns(this.meter, count), undefined);
    return () => safely(() => stop?.(), undefined);
  }
}
