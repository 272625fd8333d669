import { sql } from "kysely";
import type { Database } from "../database/database.js";
import { inList } from "../database/row-locks.js";
import type { QueueHealth } from "./queue.js";

type Count = "running" | "waiting" | "due" | "claimed";

interface CountRow {
  readonly workflow: string;
  readonly what: Count;
  readonly count: number | string;
  readonly oldest: number | string | null;
  readonly now: number | string;
}

const IDLE: QueueHealth = { running: 0, waiting: 0, due: 0, claimed: 0, oldestDue: undefined, lag: 0 };

/**
 * Counts the runs of each of the workflows, in one query, by one index each. Runs that were put off, since nobody could
 * drive them, count as due. The index of waiting runs is `runs_resting`.
 */
export async function healthByWorkflow(
  database: Pick<Database, "db" | "clock" | "hasRowLocks">,
  workflows: readonly string[],
): Promise<ReadonlyMap<string, QueueHealth>> {
  const isOurs = sql`workflow ${inList(workflows, database)} and is_child = 0`;
  // Naming the kinds makes the databases use the index of runs that are ready.
  const isReady = sql`workflow ${inList(workflows, database)} and kind in ('dag', 'fsm', '') and ready_at is not null`;
  const isPutOff = sql`${isOurs} and due_at is not null and ready_at is null and owner is null and was_due_at is not null`;
  const { rows } = await sql<CountRow>`
    select workflow, 'due' as what, count(*) as count, min(since) as oldest, ${database.clock} as now from (
      select workflow, ready_at as since from runs where ${isReady}
      union all select workflow, was_due_at from runs where ${isPutOff}) as runs_due group by workflow
    union all select workflow, 'running', count(*), null, 0 from runs where ${isOurs} and status = 'running'
      group by workflow
    union all select workflow, 'waiting', count(*), null, 0 from runs
      where ${isOurs} and status = 'waiting' and ready_at is null and owner is null and was_due_at is null
      group by workflow
    union all select workflow, 'claimed', count(*), null, 0 from runs
      where ${isOurs} and owner is not null and status <> 'running' group by workflow`.execute(database.db);
  const healths = new Map(workflows.map((workflow) => [workflow, IDLE]));
  for (const { workflow, what, count, oldest, now } of rows) {
    const health = { ...(healths.get(workflow) ?? IDLE), [what]: Number(count) };
    const due = oldest === null ? {} : { oldestDue: Number(oldest), lag: Math.max(0, Number(now) - Number(oldest)) };
    healths.set(workflow, { ...health, ...due });
  }
  return healths;
}

/** Several workflows taken together. */
export function totalHealth(healths: Iterable<QueueHealth>): QueueHealth {
  const all = Array.from(healths);
  const sum = (count: Count) => all.reduce((total, each) => total + each[count], 0);
  const oldestDue = Math.min(...all.map((each) => each.oldestDue ?? Infinity));
  return {
    running: sum("running"),
    waiting: sum("waiting"),
    due: sum("due"),
    claimed: sum("claimed"),
    oldestDue: oldestDue === Infinity ? undefined : oldestDue,
    lag: Math.max(0, ...all.map(({ lag }) => lag)),
  };
}
