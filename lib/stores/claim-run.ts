import { type Kysely, sql } from "kysely";
import { nowChecked, toEpoch } from "../base/clock.js";
import { StoreError } from "../base/errors.js";
import { Batch } from "./writing/batch.js";
import { writeBlobs } from "./writing/blobs.js";
import type { Database } from "./database/database.js";
import { runsInside } from "./delete-runs.js";
import { insertEvents, markAllDelivered, newEventRows } from "./writing/event-rows.js";
import { fingerprintOf, fitOf } from "./writing/fingerprint.js";
import { parseStructure } from "./reading/json-columns.js";
import type { Leases } from "./leases.js";
import { parseRequest } from "./queue/request-column.js";
import { countStart } from "./queue/starts.js";
import { NOT_PAUSED } from "./writing/pauses.js";
import { readRun } from "./reading/recorded-run.js";
import { encodeInputs } from "./writing/new-run.js";
import { leaseLost, type LogHost, SqlRunLog } from "./writing/run-log.js";
import { lockRunRow, rootOf } from "./reading/run-rows.js";
import type { RunRow, Tables } from "./database/schema.js";
import type { Claim, RecordedRun } from "./store.js";
import { timeOfDay } from "./database/time.js";

/**
 * Takes over a run that has no driver, in the caller's transaction.
 * @param held - see `RunStore.claim`
 * @param accept - receives the run; if it returns undefined, nothing happens
 * @param previous - the result of an earlier attempt, whose commit failed or went unanswered
 * @returns the log of the new driver, already among the leases; mark it as registered after the commit
 * @throws {StoreError} NOT_FOUND, LEASE_HELD, LEASE_LOST, UNSTORABLE; whatever `accept` throws
 */
export async function claimRun(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  leases: Leases,
  host: LogHost,
  { runId, held }: { readonly runId: string; readonly held: number | undefined },
  accept: (run: RecordedRun) => Claim | undefined,
  previous: SqlRunLog | undefined,
): Promise<SqlRunLog | undefined> {
  const row = await lockRunRow(trx, database, runId);
  if (previous !== undefined) {
    // A run that was reserved keeps its token.
    const isClaimed = row.owner === leases.owner && row.fencing_token === previous.token && row.status === "running";
    if (isClaimed) return previous;
    leases.release(previous);
  }
  // A run may be begun by whoever has reserved it.
  const reservation = leases.reservationOf(runId);
  const isReserved = row.owner === leases.owner && row.fencing_token === reservation?.row.fencing_token;
  if (held !== undefined && !(isReserved && row.fencing_token === held)) throw leaseLost(runId);
  if (!isReserved) leases.requireFree(row);
  const run = await readRun(trx, row, host.codec);
  const claim = accept(run);
  if (claim === undefined) return undefined;
  const token = isReserved ? row.fencing_token : row.fencing_token + 1;
  const driver = {
    owner: leases.owner,
    lease_expires_at: sql<number>`${database.clock} + ${leases.length}`,
    fencing_token: token,
    updated_at: toEpoch(nowChecked()),
  };
  if (isReserved) reservation.request = row.request;
  if (isReserved && reservation.isRated) await countStart(trx, database, runId);
  const request = claim.endsPause === true && !isReserved && isPauseRequest(row) ? null : row.request;
  const begun = { ...NOT_PAUSED, ready_at: null, was_due_at: null, is_fresh: 0, request };
  const restarted = { status: "running", finished_at: null, error: null, outputs: null, ...begun };
  await trx
    .updateTable("runs")
    .set({ ...driver, ...restarted, trace: row.trace ?? claim.trace ?? null })
    .where("id", "=", runId)
    .execute();
  const batch = new Batch();
  if (claim.structure !== undefined) {
    const fingerprint = fingerprintOf(claim.structure);
    batch.blobs.set(fingerprint, claim.structure);
    const scope = remainingScope(run, claim.structure, batch);
    const kind = claim.kind ?? row.kind;
    await trx
      .updateTable("runs")
      .set({ fingerprint, fit: fitOf(claim.structure), scope, kind })
      .where("id", "=", runId)
      .execute();
  }
  if (claim.restart !== undefined) await restart(trx, runId, encodeInputs(claim.restart, batch, host));
  for (const node of claim.discard) {
    const results = trx.updateTable("node_executions").set({ status: "superseded", output: null });
    const itemStart = `${node}[`;
    const isOfNode = sql<boolean>`(node = ${node} or substr(node, 1, ${itemStart.length}) = ${itemStart})`;
    await results.where("run_id", "=", runId).where(isOfNode).execute();
  }
  const rootId = await rootOf(trx, row);
  const isBegun = row.is_fresh === 0;
  if (isBegun || run.events.length > 0) await markAllDelivered(trx, runId);
  await insertEvents(
    trx,
    newEventRows({ runId, rootId }, claim.sent, host.codec, (text) => batch.store(text)),
  );
  if (isBegun) await forgetWaits(trx, runId, claim.discard);
  await writeBlobs(trx, runId, batch.blobs);
  const log = new SqlRunLog(runId, token, claim.driver, host, rootId, row.metadata);
  log.asked = request;
  leases.add(log);
  return log;
}

/** A corrupt request counts as none: the driver reports it. */
function isPauseRequest({ id, request }: RunRow): boolean {
  try {
    return request !== null && parseRequest(id, request).kind === "pause";
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw error;
  }
}

/** Removes the waits of nodes that run again. The runs inside have their own waits. */
async function forgetWaits(trx: Kysely<Tables>, runId: string, discarded: readonly string[]): Promise<void> {
  await trx.deleteFrom("waits").where("run_id", "=", runId).where("node", "like", "%.%").execute();
  for (const node of discarded) {
    await trx.deleteFrom("waits").where("run_id", "=", runId).where("node", "=", node).execute();
  }
}

/** Supersedes all results of a run that starts over, and those of the runs inside, which it may start again. */
async function restart(trx: Kysely<Tables>, runId: string, inputs: string): Promise<void> {
  await trx.updateTable("runs").set({ inputs }).where("id", "=", runId).execute();
  const abandoned = { status: "cancelled", finished_at: timeOfDay(), error: null, outputs: null, ...NOT_PAUSED };
  for (let level: readonly string[] = [runId]; level.length > 0;) {
    const results = trx.updateTable("node_executions").set({ status: "superseded", output: null });
    await results.where("run_id", "in", level).execute();
    await trx.deleteFrom("fsm_cycles").where("run_id", "in", level).execute();
    await trx.deleteFrom("waits").where("run_id", "in", level).execute();
    await trx.deleteFrom("moments").where("run_id", "in", level).execute();
    level = await runsInside(trx, level);
    if (level.length > 0) await trx.updateTable("runs").set(abandoned).where("id", "in", level).execute();
  }
}

/** The scope of a partial run, without nodes that its new structure lacks. */
function remainingScope({ scope }: RecordedRun, structure: string, batch: Batch): string | null {
  if (scope === undefined) return null;
  const names = new Set(parseStructure(structure).map(([name]) => name));
  return batch.store(JSON.stringify(scope.filter((name) => names.has(name))));
}
