import { type RawBuilder, sql } from "kysely";
import type { Database } from "../database/database.js";
import { inList } from "../database/row-locks.js";
import type { RunRow } from "../database/schema.js";
import { UNLIMITED } from "./allowances.js";
import { bestOf, type Claimable } from "./claim-next.js";
import type { UnclaimedRun } from "./queue.js";

type Reading = Pick<Database, "db" | "clock" | "hasRowLocks">;

type UnclaimedRow = Pick<
  RunRow,
  "id" | "workflow" | "priority" | "is_fresh" | "fencing_token" | "due_at" | "ready_at"
> & { readonly clock: number };

/** Those of the runs that nobody has claimed and that are ready, or due at some time. */
export async function unclaimedRuns(database: Reading, runIds: readonly string[]): Promise<UnclaimedRun[]> {
  return find(
    database,
    sql`from runs where id ${inList(runIds, database)} and owner is null and is_child = 0
      and (ready_at is not null or due_at is not null) order by coalesce(ready_at, due_at), created_at`,
  );
}

/** The first ready runs, in order. Costs as much as claiming them. */
export async function readyRuns(
  database: Reading,
  workflows: readonly Omit<Claimable, "allowance">[],
  limit: number,
): Promise<UnclaimedRun[]> {
  if (workflows.length === 0) return [];
  const best = bestOf(
    workflows.map((each) => ({ ...each, allowance: UNLIMITED })),
    limit,
  );
  return find(
    database,
    sql`from (${best}) as best join runs on runs.id = best.id
      order by best.priority desc, best.ready_at, best.created_at`,
  );
}

async function find({ db, clock }: Reading, from: RawBuilder<unknown>): Promise<UnclaimedRun[]> {
  const { rows } = await sql<UnclaimedRow>`
    select runs.id, workflow, runs.priority, is_fresh, fencing_token, due_at, runs.ready_at, ${clock} as clock
    ${from}`.execute(db);
  return rows.map((row) => ({
    runId: row.id,
    workflow: row.workflow,
    priority: row.priority,
    isFresh: row.is_fresh === 1,
    token: row.fencing_token,
    readyIn: row.ready_at === null ? Math.max(0, (row.due_at as number) - row.clock) : 0,
    isTimed: row.due_at !== null,
  }));
}
