import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Database } from "../database/database.js";
import { inList, skipLocked } from "../database/row-locks.js";
import type { Tables } from "../database/schema.js";
import type { Promoted } from "./queue.js";
import { type OutlookColumns, outlookColumns, outlookOf } from "./schedules/outlook.js";
import type { Fired } from "./schedules/schedules.js";

/** How many runs one statement makes ready. */
const MAX_RUNS = 500;

/**
 * Runs without a driver that are due at some time and not ready yet. Must match the condition of the index `runs_due`.
 */
const IS_DUE_LATER = sql`due_at is not null and ready_at is null and owner is null and is_child = 0`;

/** When the first run that is not ready yet is due: one index lookup for each workflow, however many runs there are. */
function firstDue(workflows: readonly string[]): RawBuilder<unknown> {
  const firsts = workflows.map((workflow) => {
    const first = sql`select due_at from runs where workflow = ${workflow} and ${IS_DUE_LATER} order by due_at limit 1`;
    return sql`select * from (${first}) as part`;
  });
  return sql`select min(due_at) from (${sql.join(firsts, sql` union all `)}) as firsts`;
}

/**
 * Whether runs are ready, and how long until the next one is due, in ms: 0 if one is due now, undefined if none is.
 * Also what there is to do for schedules, which are looked at next.
 */
export async function upcoming(
  { db, clock, hasRowLocks }: Pick<Database, "db" | "clock" | "hasRowLocks">,
  workflows: readonly string[],
): Promise<{ readonly outlook: Fired; readonly found: Omit<Promoted, "promoted"> }> {
  // Naming the kinds makes the databases use the index of runs that are ready.
  const isReady = sql`workflow ${inList(workflows, { hasRowLocks })} and kind in ('dag', 'fsm', '') and ready_at is not null`;
  const { rows } = await sql<{ ready: string | null; next: number | null } & OutlookColumns>`
    select (select id from runs where ${isReady} limit 1) as ready, (${firstDue(workflows)}) - ${clock} as next,
      ${outlookColumns({ clock })}`.execute(db);
  const [{ ready, next, ...outlook }] = rows;
  return { outlook: outlookOf(outlook), found: { hasReady: ready !== null, nextIn: dueIn(next) } };
}

/** @param ms - null if no run is due; not a number for a corrupt time */
function dueIn(ms: number | null): number | undefined {
  return ms === null || Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Makes ready those of the runs that are due. */
export async function promoteOf(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  runIds: readonly string[],
): Promise<void> {
  const { clock } = database;
  await sql`
    update runs set ready_at = due_at where id in (
      select id from runs where id ${inList(runIds, database)} and ${IS_DUE_LATER}
        and due_at <= (select ${clock}) ${skipLocked(database)})`.execute(trx);
}

/** Makes the first due runs ready, see `RunQueue.promoteDue`. */
export async function promoteRuns(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  workflows: readonly string[],
): Promise<Omit<Promoted, "hasReady"> & { readonly isPartial: boolean }> {
  const { clock } = database;
  const { numAffectedRows } = await sql`
    update runs set ready_at = due_at where id in (
      select id from runs where workflow ${inList(workflows, database)} and ${IS_DUE_LATER}
        and due_at <= (select ${clock}) limit ${MAX_RUNS} ${skipLocked(database)})`.execute(trx);
  const { rows } = await sql<{ next: number | null }>`select (${firstDue(workflows)}) - ${clock} as next`.execute(trx);
  const promoted = Number(numAffectedRows);
  const nextIn = dueIn(rows[0].next);
  // A due run that could not be promoted is locked, or has a corrupt time: asking again at once would not help.
  return { promoted, nextIn: promoted === 0 && nextIn === 0 ? undefined : nextIn, isPartial: promoted === MAX_RUNS };
}
