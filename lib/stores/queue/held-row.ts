import type { Kysely } from "kysely";
import type { Database } from "../database/database.js";
import type { RunRow, Tables } from "../database/schema.js";
import type { Leases } from "../leases.js";
import { findAndLockRunRow } from "../reading/run-rows.js";
import type { HeldRun } from "./queue.js";

/** Locks the row of a run in the caller's transaction; undefined unless this store still holds it by this token. */
export async function lockHeldRow(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  { owner }: Pick<Leases, "owner">,
  { runId, token }: HeldRun,
): Promise<RunRow | undefined> {
  const row = await findAndLockRunRow(trx, database, runId);
  return row?.owner === owner && row.fencing_token === token ? row : undefined;
}
