import type * as Api from "@opentelemetry/api";
import { now } from "../base/clock.js";
import { traceOf } from "../base/open-telemetry.js";
import type { AttemptTelemetry, FollowedRun, RefreshTelemetry, RunTelemetry } from "../engine/telemetry/telemetry.js";
import type { EventFacts, LogLine } from "../run/events.js";
import type { RunStatus } from "../run/status.js";
import { errorTypeOf, fail, fieldsOf, Name, noteError } from "./attributes.js";
import type { Otel } from "./host.js";
import type { Metrics } from "./metrics.js";
import { OtelAttempt } from "./otel-attempt.js";
import { OtelNode } from "./otel-node.js";
import { OtelRefresh } from "./otel-refresh.js";
import { safely } from "./safely.js";

/**
 * The span of a run, those of its nodes that have started and not settled, and its metrics. A node that settles without
 * an attempt has a span only if it comes from a cache, or has failed.
 */
export class OtelRun implements RunTelemetry {
  private readonly tracer: Api.Tracer;
  private readonly metrics: Metrics;
  private span: Api.Span | undefined = undefined;
  private context: Api.Context;
  private readonly beganAt = now();
  private readonly nodes = new Map<string, OtelNode>();
  /** When nodes became ready that have not started. */
  private readonly readyAt = new Map<string, number>();
  private cycle: number | undefined = undefined;
  private isOver = false;

  /** @param parent - the context of what the run is a part of */
  constructor(
    private readonly otel: Otel,
    private readonly run: FollowedRun,
    parent: Api.Context,
  ) {
    this.tracer = otel.tracer;
    this.metrics = otel.metrics.now;
    this.context = parent;
  }

  get trace(): string | undefined {
    this.begin();
    return this.span && traceOf(this.otel.api, this.span.spanContext());
  }

  within<T>(work: () => T): T {
    return this.otel.api.context.with(this.context, work);
  }

  attempt(node: string, attempt: number, item: number | undefined): AttemptTelemetry {
    const parent = this.open(node);
    if (item === undefined ? parent.attempts++ > 0 : attempt > 1) {
      safely(() => this.metrics.retry(this.run.workflow, node), undefined);
    }
    return new OtelAttempt(this.otel, this.tracer, parent, { node, attempt, item });
  }

  refresh(node: string, item: number | undefined): RefreshTelemetry {
    const { otel, run, tracer, context } = this;
    return new OtelRefresh(otel, tracer, context, { workflow: run.workflow, node, item });
  }

  record(facts: EventFacts, node = ""): void {
    safely(() => this.take(facts, node), undefined);
  }

  private take(facts: EventFacts, node: string): void {
    const { workflow } = this.run;
    switch (facts.type) {
      case "run.started":
        return this.begin();
      case "run.finished":
        return this.end(facts.status, facts.error);
      case "node.ready":
        return void this.readyAt.set(node, now());
      case "state.entered":
        this.cycle = facts.cycle;
        return;
      case "attempt.started":
        return void this.open(node);
      case "node.completed":
        return this.completed(node, facts.cached);
      case "item.completed":
        return facts.cached ? this.metrics.cacheHit(workflow, node) : undefined;
      case "node.failed":
        return this.open(node).end("failed", facts.error);
      case "node.cancelled":
        return this.nodes.get(node)?.end("cancelled", undefined);
      case "node.skipped":
        return this.note("node skipped", { [Name.node]: node, [Name.skippedBy]: facts.skippedBy });
      case "node.waiting": {
        const { waitingFor } = facts;
        const what = "event" in waitingFor ? { [Name.event]: waitingFor.event } : { [Name.until]: waitingFor.until };
        return this.note("node waiting", { [Name.node]: node, ...what });
      }
      case "node.log":
        return this.log(node, facts);
      case "node.stale":
        return this.note("expired result kept", { [Name.node]: node, ...errorAttributes(facts.error) });
      case "refresh.failed":
        return this.note("refresh failed", { [Name.node]: node, ...errorAttributes(facts.error) });
      case "circuit.opened":
      case "circuit.closed":
        this.note(facts.type === "circuit.opened" ? "circuit opened" : "circuit closed", { [Name.node]: node });
        return this.metrics.circuit(workflow, node, facts);
      default:
    }
  }

  lost(): void {
    safely(() => this.end("lost", undefined), undefined);
  }

  /** Begins the span of the run. */
  private begin(): void {
    if (this.span !== undefined) return;
    const { api } = this.otel;
    const { runId, workflow, kind, past } = this.run;
    const isSubmitted = past !== undefined && !past.isResumed;
    const attributes: Api.Attributes = { [Name.workflow]: workflow, [Name.kind]: kind, [Name.runId]: runId };
    if (past?.isResumed === true) attributes[Name.resumed] = true;
    const options = { kind: isSubmitted ? api.SpanKind.CONSUMER : api.SpanKind.INTERNAL, attributes };
    this.span = safely(() => this.tracer.startSpan(`run ${workflow}`, options, this.context), undefined);
    this.span ??= api.trace.wrapSpanContext(api.INVALID_SPAN_CONTEXT);
    this.context = api.trace.setSpan(this.context, this.span);
  }

  /** The span of a node, which has started, or starts now. */
  private open(name: string): OtelNode {
    const known = this.nodes.get(name);
    if (known !== undefined) return known;
    const { workflow, kind } = this.run;
    const { otel, tracer, context, cycle } = this;
    const readyAt = this.readyAt.get(name);
    this.readyAt.delete(name);
    if (readyAt !== undefined) safely(() => this.metrics.queueWait(workflow, name, now() - readyAt), undefined);
    const attributes: Api.Attributes = { [Name.workflow]: workflow, [Name.node]: name };
    if (cycle !== undefined) attributes[Name.cycle] = cycle;
    const title = `${kind === "fsm" ? "state" : "node"} ${name}`;
    const node = new OtelNode(otel.api, tracer, { title, attributes, context }, (status, error, duration) => {
      this.nodes.delete(name);
      this.metrics.node(workflow, name, status, error, duration);
    });
    this.nodes.set(name, node);
    return node;
  }

  private completed(node: string, cached: boolean): void {
    if (cached) {
      this.metrics.cacheHit(this.run.workflow, node);
      this.open(node).span.setAttribute(Name.cached, true);
    }
    // One with a given result has not started.
    this.nodes.get(node)?.end("completed", undefined);
  }

  private log(node: string, line: LogLine): void {
    const { runId } = this.run;
    const attempt = this.nodes.get(node)?.attemptOf(line.item?.index);
    attempt?.span.addEvent("log", { ...fieldsOf(line), [Name.message]: line.message, [Name.severity]: line.level });
    this.otel.logs.emit(line, { runId, node }, attempt?.context ?? this.context);
  }

  /** Adds an event to the span of the run. */
  private note(event: string, attributes: Api.Attributes): void {
    this.span?.addEvent(event, attributes);
  }

  private end(status: RunStatus | "lost", error: unknown): void {
    if (this.isOver || this.span === undefined) return;
    this.isOver = true;
    const { span } = this;
    const { workflow } = this.run;
    for (const node of Array.from(this.nodes.values())) node.end(status, undefined);
    span.setAttribute(Name.runStatus, status);
    const { api } = this.otel;
    if (error !== undefined && status === "failed") fail(span, api, error);
    else if (error !== undefined) noteError(span, error);
    else if (status === "failed") span.setStatus({ code: api.SpanStatusCode.ERROR });
    span.end();
    this.metrics.run(workflow, status, error, now() - this.beganAt);
  }
}

function errorAttributes(error: unknown): Api.Attributes {
  return { [Name.errorType]: errorTypeOf(error) };
}
