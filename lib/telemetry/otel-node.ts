import type * as Api from "@opentelemetry/api";
import { now } from "../base/clock.js";
import type { AttemptEnd } from "../engine/telemetry/telemetry.js";
import { fail, Name } from "./attributes.js";
import { safely } from "./safely.js";

/** What the span of a node begins with. */
interface NewNode {
  readonly title: string;
  readonly attributes: Api.Attributes;
  /** Of the run. */
  readonly context: Api.Context;
}

/** An attempt that has not ended. */
interface OpenAttempt {
  readonly span: Api.Span;
  readonly context: Api.Context;
  ended(how: AttemptEnd): void;
}

/** The span of a node, or of one execution of a state. */
export class OtelNode {
  readonly span: Api.Span;
  readonly context: Api.Context;
  /** How many attempts there have been, without those of items. */
  attempts = 0;
  /** Those that have not ended, by item. */
  private readonly open = new Map<number | undefined, OpenAttempt>();
  private readonly beganAt = now();

  constructor(
    private readonly api: typeof Api,
    tracer: Api.Tracer,
    { title, attributes, context }: NewNode,
    /** @param duration - in ms */
    private readonly ended: (status: string, error: unknown, duration: number) => void,
  ) {
    const none = api.trace.wrapSpanContext(api.INVALID_SPAN_CONTEXT);
    this.span = safely(() => tracer.startSpan(title, { attributes }, context), none);
    this.context = api.trace.setSpan(context, this.span);
  }

  add(item: number | undefined, attempt: OpenAttempt): void {
    this.open.set(item, attempt);
  }

  remove(item: number | undefined, attempt: OpenAttempt): void {
    if (this.open.get(item) === attempt) this.open.delete(item);
  }

  attemptOf(item: number | undefined): OpenAttempt | undefined {
    return this.open.get(item);
  }

  end(status: string, error: unknown): void {
    const { span, api } = this;
    for (const attempt of Array.from(this.open.values())) attempt.ended("cancelled");
    span.setAttribute(Name.nodeStatus, status);
    if (error !== undefined) fail(span, api, error);
    span.end();
    this.ended(status, error, now() - this.beganAt);
  }
}
