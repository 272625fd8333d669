import { type Kysely, type RawBuilder, sql } from "kysely";
import { MAX_TIME } from "../../base/check.js";
import { withJson } from "../../base/json.js";
import { RUN_STATUSES } from "../../run/status.js";
import type { Tables } from "../database/schema.js";
import { isStorable } from "../values/storable-text.js";

/**
 * Statistics of a workflow's runs. A run with a corrupt status counts only in `runs.total`; other corrupt data is
 * ignored.
 */
export interface WorkflowStats {
  /** The name of the workflow. */
  readonly workflow: string;
  /** The number of runs, by status and in total. */
  readonly runs: Readonly<
    Record<"total" | "queued" | "running" | "completed" | "failed" | "cancelled" | "paused" | "waiting", number>
  >;
  /** By the name of the node or state. */
  readonly nodes: ReadonlyMap<string, NodeStats>;
}

/** Statistics of a node or state over all runs of its workflow. */
export interface NodeStats {
  /** The number of completed attempts; of a state, that of completed cycles. */
  readonly completed: number;
  /** The number of failed attempts; of a state, that of failed cycles. */
  readonly failed: number;
  /** The median of the durations of completed attempts, in ms; undefined without any. */
  readonly p50: number | undefined;
  /** Their 99th percentile, in ms; undefined without any. */
  readonly p99: number | undefined;
}

interface Sums {
  node: string;
  completed: number | string;
  failed: number | string;
  p50: number | null;
  p99: number | null;
}

type Status = Exclude<keyof WorkflowStats["runs"], "total">;

function isStatus(status: string): status is Status {
  return (RUN_STATUSES as readonly string[]).includes(status);
}

/** The duration of a row; null if a time is missing or invalid. */
function duration(table: string): RawBuilder<number | null> {
  const [from, to] = ["started_at", "finished_at"].map((column) => sql.ref(`${table}.${column}`));
  const isTime = (column: RawBuilder<unknown>) => sql`${column} between ${-MAX_TIME} and ${MAX_TIME}`;
  return sql`case when ${isTime(from)} and ${isTime(to)} then ${to} - ${from} end`;
}

/** Computes the statistics in the database. Percentiles are exact, by the nearest-rank method. */
export async function workflowStats(db: Kysely<Tables>, workflow: string): Promise<WorkflowStats> {
  const runs = { total: 0, queued: 0, running: 0, completed: 0, failed: 0, cancelled: 0, paused: 0, waiting: 0 };
  if (!isStorable(workflow)) return { workflow, runs, nodes: new Map() };
  const counts = await db
    .selectFrom("runs")
    .select(["status", (eb) => eb.fn.countAll().as("n")])
    .where("workflow", "=", workflow)
    .groupBy("status")
    .execute();
  for (const { status, n } of counts) {
    if (isStatus(status)) runs[status] = Number(n);
    runs.total += Number(n);
  }
  const { rows } = await sql<Sums>`
    with executions as (
      select n.node as node, n.status as status, ${duration("n")} as duration
      from node_executions n join runs r on r.id = n.run_id where r.workflow = ${workflow} and n.attempt > 0
      union all
      select c.state, c.status, ${duration("c")}
      from fsm_cycles c join runs r on r.id = c.run_id where r.workflow = ${workflow} and c.attempts > 0
    ), ranked as (
      select node, status, duration,
        row_number() over (partition by node, status, duration is null order by duration) as position,
        count(*) over (partition by node, status, duration is null) as total
      from executions
    )
    select node,
      sum(case when status = 'completed' then 1 else 0 end) as completed,
      sum(case when status = 'failed' then 1 else 0 end) as failed,
      min(case when status = 'completed' and position * 100 >= total * 50 then duration end) as p50,
      min(case when status = 'completed' and position * 100 >= total * 99 then duration end) as p99
    from ranked group by node order by node`.execute(db);
  const nodes = new Map(
    rows
      .filter(({ node }) => typeof node === "string")
      .map(({ node, completed, failed, p50, p99 }): [string, NodeStats] => [
        node,
        { completed: Number(completed), failed: Number(failed), p50: p50 ?? undefined, p99: p99 ?? undefined },
      ]),
  );
  return withJson({ workflow, runs, nodes: withJson(nodes) });
}
