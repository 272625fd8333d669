import { sql } from "kysely";
import type { Database } from "../database/database.js";
import { inList } from "../database/row-locks.js";
import type { QueueHealth } from "./queue.js";

/**
 * Counts the runs of workflows, by one index each. Those that were put off, since nobody could drive them, are due. The
 * index of those that wait is `runs_resting`.
 */
export async function queueHealth(
  database: Pick<Database, "db" | "clock" | "hasRowLocks">,
  workflows: readonly string[],
): Promise<QueueHealth> {
  const isOurs = sql`workflow ${inList(workflows, database)} and is_child = 0`;
  // Naming the kinds makes the databases use the index of runs that are ready.
  const isReady = sql`workflow ${inList(workflows, database)} and kind in ('dag', 'fsm', '') and ready_at is not null`;
  const isPutOff = sql`${isOurs} and due_at is not null and ready_at is null and owner is null and was_due_at is not null`;
  const { rows } = await sql<Record<keyof QueueHealth, number | string | null>>`
    select due, "oldestDue", ${database.clock} - "oldestDue" as lag,
      (select count(*) from runs where ${isOurs} and status = 'running') as running,
      (select count(*) from runs where ${isOurs} and status = 'waiting' and ready_at is null and owner is null
        and was_due_at is null) as waiting,
      (select count(*) from runs where ${isOurs} and owner is not null and status <> 'running') as claimed
    from (select count(*) as due, min(since) as "oldestDue" from (
      select ready_at as since from runs where ${isReady}
      union all select was_due_at from runs where ${isPutOff}) as runs_due) as due`.execute(database.db);
  const [{ running, waiting, claimed, due, oldestDue, lag }] = rows;
  return {
    running: Number(running),
    waiting: Number(waiting),
    claimed: Number(claimed),
    due: Number(due),
    oldestDue: oldestDue === null ? undefined : Number(oldestDue),
    lag: Math.max(0, Number(lag ?? 0)),
  };
}
