import { sql, type Kysely } from "kysely";
import { Batch } from "./batch.js";
import { writeBlobs } from "./blobs.js";
import type { Database } from "./database.js";
import { insertEvents, markAllDelivered, newEventRows } from "./event-rows.js";
import { fingerprintOf } from "./fingerprint.js";
import type { Leases } from "./leases.js";
import { NOT_PAUSED } from "./pauses.js";
import { lockRunRow, readRun } from "./records.js";
import { SqlRunLog, type LogHost } from "./run-log.js";
import { parseStructure } from "./rows.js";
import type { Tables } from "./schema.js";
import type { Claim, RecordedRun } from "./store.js";
import { timeOfDay } from "./time.js";

/**
 * Takes a run over that nobody drives, in a transaction, so that nothing is added to it between.
 * @param accept - is shown the run; when it gives undefined, nothing happens
 * @param claimed - what this gave before, when the commit then failed or was not answered
 * @returns the log of its new driver, which is among the leases, but not known to drive the run before the commit
 * @throws {StoreError} NOT_FOUND, LEASE_HELD, UNSTORABLE; what `accept` throws
 */
export async function claimRun(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  leases: Leases,
  keeper: LogHost,
  runId: string,
  accept: (run: RecordedRun) => Claim | undefined,
  claimed: SqlRunLog | undefined,
): Promise<SqlRunLog | undefined> {
  const row = await lockRunRow(trx, database, runId);
  if (claimed !== undefined) {
    if (row.owner === leases.owner && row.fencing_token === claimed.token) return claimed;
    leases.release(claimed);
  }
  leases.requireFree(row);
  const run = await readRun(trx, row, keeper.codec);
  const claim = accept(run);
  if (claim === undefined) return undefined;
  const token = row.fencing_token + 1;
  const driver = {
    owner: leases.owner,
    lease_expires_at: sql<number>`${database.clock} + ${leases.length}`,
    fencing_token: token,
    updated_at: timeOfDay(),
  };
  const begun = { status: "running", finished_at: null, error: null, outputs: null, ...NOT_PAUSED };
  await trx
    .updateTable("runs")
    .set({ ...driver, ...begun })
    .where("id", "=", runId)
    .execute();
  const batch = new Batch();
  if (claim.structure !== undefined) {
    const fingerprint = fingerprintOf(claim.structure);
    batch.blobs.set(fingerprint, claim.structure);
    const scope = cutScope(run, claim.structure, batch);
    await trx.updateTable("runs").set({ fingerprint, scope }).where("id", "=", runId).execute();
  }
  for (const node of claim.discard) {
    const results = trx.updateTable("node_executions").set({ status: "superseded", output: null });
    await results.where("run_id", "=", runId).where("node", "=", node).execute();
  }
  if (row.kind === "fsm") {
    await markAllDelivered(trx, runId);
    await insertEvents(
      trx,
      newEventRows(runId, claim.sent, keeper.codec, (text) => batch.store(text)),
    );
  }
  await writeBlobs(trx, runId, batch.blobs);
  const log = new SqlRunLog(runId, token, claim.driver, keeper, row.metadata);
  leases.add(log);
  return log;
}

/** The scope of a partial run, without the nodes that its new structure does not have. */
function cutScope({ scope }: RecordedRun, structure: string, batch: Batch): string | null {
  if (scope === undefined) return null;
  const names = new Set(parseStructure(structure).map(([name]) => name));
  return batch.store(JSON.stringify(scope.filter((name) => names.has(name))));
}
