import type * as Api from "@opentelemetry/api";
import type { AttemptTelemetry, RefreshTelemetry } from "../engine/telemetry/telemetry.js";
import { Name } from "./attributes.js";
import type { Otel } from "./host.js";
import { OtelAttempt } from "./otel-attempt.js";
import { OtelNode } from "./otel-node.js";
import { safely } from "./safely.js";

/** Whose result it is: a node's, or that of an item of a map. */
interface Refreshed {
  readonly workflow: string;
  readonly node: string;
  readonly item: number | undefined;
}

/** The span of a computation in the background, of a cached result. It may outlive that of its run. */
export class OtelRefresh implements RefreshTelemetry {
  private readonly span: OtelNode;

  /** @param context - of the run */
  constructor(
    private readonly otel: Otel,
    private readonly tracer: Api.Tracer,
    context: Api.Context,
    private readonly of: Refreshed,
  ) {
    const { workflow, node, item } = of;
    const attributes: Api.Attributes = { [Name.workflow]: workflow, [Name.node]: node };
    if (item !== undefined) attributes[Name.item] = item;
    // Not a node that has run: no metric counts it.
    this.span = new OtelNode(otel.api, tracer, { title: `refresh ${node}`, attributes, context }, () => {});
  }

  attempt(attempt: number): AttemptTelemetry {
    const { node, item } = this.of;
    return new OtelAttempt(this.otel, this.tracer, this.span, { node, attempt, item });
  }

  ended(how: "completed" | "failed", error?: unknown): void {
    safely(() => this.span.end(how, error), undefined);
  }
}
