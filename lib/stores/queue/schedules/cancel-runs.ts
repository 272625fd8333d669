import { type Kysely, sql } from "kysely";
import { show } from "../../../base/check.js";
import type { Database } from "../../database/database.js";
import { forUpdateInOrder, inList } from "../../database/row-locks.js";
import type { RunRow, Tables } from "../../database/schema.js";
import { UNFINISHED } from "../../reading/run-summary.js";
import { requestOf } from "../requests.js";
import type { SchedulesHost } from "./schedules-host.js";

/**
 * Cancels the unfinished runs of some schedules, in the caller's transaction; those with a driver by a request to it.
 */
export async function cancelRuns(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  { leases, logHost }: Pick<SchedulesHost, "leases" | "logHost">,
  schedules: readonly string[],
): Promise<void> {
  const { rows } = await sql<Pick<RunRow, "id" | "schedule">>`
    select id, schedule from runs
    where schedule ${inList(schedules, database)} and status ${inList(UNFINISHED, database)}
    ${forUpdateInOrder(database)}`.execute(trx);
  for (const { id, schedule } of rows) {
    const reason = `the next run of schedule ${show(schedule)} is due`;
    await requestOf(trx, database, leases, id, { kind: "cancel", reason }, logHost.codec);
  }
}
