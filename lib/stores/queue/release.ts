import { type Kysely, sql } from "kysely";
import type { Database } from "../database/database.js";
import { forUpdateInOrder, inList } from "../database/row-locks.js";
import type { Tables } from "../database/schema.js";
import type { Leases } from "../leases.js";
import type { HeldRun } from "./queue.js";

/**
 * Gives back runs that this store has reserved or driven, see `RunQueue.release`. A run that was only reserved keeps
 * its status; a delay replaces the time at which it is due.
 */
export async function releaseRuns(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  leases: Pick<Leases, "owner">,
  runs: readonly HeldRun[],
  delay: number,
): Promise<void> {
  const { clock } = database;
  const ids = runs.map(({ runId }) => runId);
  const held = runs.map(({ runId, token }) => `${token} ${runId}`);
  const isHeld = sql`id ${inList(ids, database)} and fencing_token || ' ' || id ${inList(held, database)}`;
  const isOurs = sql`owner = ${leases.owner} and ${isHeld}`;
  const putOff = sql`due_at = ${clock} + ${delay}, was_due_at = coalesce(was_due_at, due_at, updated_at)`;
  const times = delay > 0 ? putOff : sql`ready_at = ${clock}, recoveries = 0`;
  await sql`
    update runs set owner = null, lease_expires_at = null, ${times},
      status = case when status = 'running' then 'queued' else status end
    where id in (select id from runs where ${isOurs} ${forUpdateInOrder(database)})`.execute(trx);
}
