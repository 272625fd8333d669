import type { Kysely } from "kysely";
import { endRun } from "../cancel-run.js";
import type { Database } from "../database/database.js";
import type { Tables } from "../database/schema.js";
import type { Leases } from "../leases.js";
import { UNFINISHED } from "../reading/run-summary.js";
import type { Codec } from "../values/codec.js";
import { lockHeldRow } from "./held-row.js";
import type { HeldRun } from "./queue.js";

/** Ends a run as failed in the caller's transaction, see `RunQueue.fail`, unless it is over, or another client has it. */
export async function failRun(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  leases: Pick<Leases, "owner">,
  run: HeldRun,
  error: unknown,
  codec: Codec,
): Promise<void> {
  const row = await lockHeldRow(trx, database, leases, run);
  if (row !== undefined && UNFINISHED.includes(row.status)) await endRun(trx, row, { status: "failed", error }, codec);
}
