import { type Context, node, workflow } from "dagwright";
import type { SqlStore } from "dagwright/store";
import type { Outbox } from "./outbox.js";

/** Tells what has become of the orders, from the store's statistics. */
@workflow({ name: "nightly report" })
export class NightlyReport {
  constructor(
    private readonly store: SqlStore,
    private readonly outbox: Outbox,
  ) {}

  @node async count(): Promise<string> {
    const { runs, nodes } = await this.store.stats("orders");
    const of = (name: string) => nodes.get(name)?.completed ?? 0;
    return `${of("ship")} shipped, ${of("expire")} expired, ${runs.total - runs.completed} open`;
  }
  @node("count") send(counts: string, ctx: Context): string {
    this.outbox.send(ctx.idempotencyKey, `${ctx.runId}: ${counts}`);
    return counts;
  }
}
