import type * as Api from "@opentelemetry/api";
import { traceOf } from "../base/open-telemetry.js";
import type { AttemptEnd, AttemptTelemetry, FollowedRun, RunTelemetry } from "../engine/telemetry/telemetry.js";
import { fail, Name } from "./attributes.js";
import type { Otel } from "./host.js";
import type { OtelNode } from "./otel-node.js";
import { safely } from "./safely.js";

/** An attempt of a node, or of an item of a map. */
interface Place {
  readonly node: string;
  readonly attempt: number;
  readonly item: number | undefined;
}

/** The span of an attempt. Inside of its function, it is the active one. */
export class OtelAttempt implements AttemptTelemetry {
  readonly span: Api.Span;
  readonly context: Api.Context;
  private isOver = false;

  constructor(
    private readonly otel: Otel,
    tracer: Api.Tracer,
    private readonly parent: OtelNode,
    private readonly place: Place,
  ) {
    const { api } = otel;
    const { node, attempt, item } = place;
    const attributes: Api.Attributes = { [Name.node]: node, [Name.attempt]: attempt };
    if (item !== undefined) attributes[Name.item] = item;
    const none = api.trace.wrapSpanContext(api.INVALID_SPAN_CONTEXT);
    this.span = safely(() => tracer.startSpan(`attempt ${node}`, { attributes }, parent.context), none);
    this.context = api.trace.setSpan(parent.context, this.span);
    parent.add(item, this);
  }

  get trace(): string | undefined {
    return traceOf(this.otel.api, this.span.spanContext());
  }

  within<T>(work: () => T): T {
    return this.otel.api.context.with(this.context, work);
  }

  /** A run inside is a child of the span that is active where it is begun: the attempt's, or one that its function began. */
  follow(run: FollowedRun): RunTelemetry {
    const { api } = this.otel;
    const active = api.context.active();
    return this.otel.followIn(api.trace.getSpan(active) === undefined ? this.context : active, run);
  }

  ended(how: AttemptEnd, outcome?: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.parent.remove(this.place.item, this);
    safely(() => this.end(how, outcome), undefined);
  }

  private end(how: AttemptEnd, outcome: unknown): void {
    const { span, otel } = this;
    span.setAttribute(Name.attemptStatus, how);
    if (how === "failed") fail(span, otel.api, outcome);
    span.end();
  }
}
