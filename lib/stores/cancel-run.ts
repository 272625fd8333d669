import { type Kysely, sql } from "kysely";
import { show } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { CancelledError } from "../run/errors.js";
import { Batch } from "./writing/batch.js";
import { writeBlobs } from "./writing/blobs.js";
import type { Codec } from "./values/codec.js";
import { withoutDriver } from "./leases.js";
import { timeToBegin } from "./queue/begin-times.js";
import { NOT_PAUSED, pausesIn } from "./writing/pauses.js";
import { isOpenWait, waitRows } from "./reading/run-rows.js";
import { UNFINISHED } from "./reading/run-summary.js";
import type { AttemptRow, RunRow, Tables } from "./database/schema.js";
import { timeOfDay } from "./database/time.js";

/**
 * Cancels a run that has no driver, with its unfinished nodes and cycles, in the caller's transaction.
 * @returns the new fencing token of the run
 * @throws {StoreError} RUN_ENDED when the run is over
 */
export async function cancelRun(trx: Kysely<Tables>, row: RunRow, reason: unknown, codec: Codec): Promise<number> {
  const { id, status, workflow } = row;
  if (!UNFINISHED.includes(status)) {
    const message = `Run ${show(id)} can't be cancelled: it has ended as ${status}. To delete it, call store.delete.`;
    throw new StoreError(message, "RUN_ENDED");
  }
  const why = reason === undefined ? "" : `: ${messageOf(reason)}`;
  const error = new CancelledError(`Run of ${show(workflow)} was cancelled in its store${why}.`, {
    runId: id,
    cause: reason,
  });
  const token = await endRun(trx, row, { status: "cancelled", error }, codec);
  // Taken events are kept, to detect another event with the same key if the run is resumed.
  await trx.deleteFrom("events").where("root_id", "=", id).where("taken_at", "is", null).execute();
  return token;
}

/**
 * Ends a run that has no driver, and cancels its unfinished nodes and cycles, in the caller's transaction. Fences off a
 * driver whose lease has expired.
 * @returns the new fencing token of the run
 */
export async function endRun(
  trx: Kysely<Tables>,
  row: RunRow,
  { status, error }: { readonly status: "cancelled" | "failed"; readonly error: unknown },
  codec: Codec,
): Promise<number> {
  const { id } = row;
  const batch = new Batch();
  const now = timeOfDay();
  const ended = {
    status,
    error: batch.store(codec.encodeThrown(error)),
    ...NOT_PAUSED,
    ready_at: null,
    was_due_at: timeToBegin(row),
    request: null,
    provided: null,
    recoveries: 0,
    ...withoutDriver(row),
    updated_at: now,
    finished_at: now,
  };
  await writeBlobs(trx, id, batch.blobs);
  await trx.updateTable("runs").set(ended).where("id", "=", id).execute();
  await cancelPaused(trx, row, now);
  const settled = { status: "cancelled", finished_at: sql<number>`coalesce(finished_at, ${now})` };
  for (const table of ["node_executions", "fsm_cycles"] as const) {
    await trx.updateTable(table).set(settled).where("run_id", "=", id).where("status", "in", UNFINISHED).execute();
  }
  return ended.fencing_token;
}

/** Cancels the nodes of a dag that are paused, or waiting, without an attempt in progress. */
async function cancelPaused(trx: Kysely<Tables>, row: RunRow, now: number): Promise<void> {
  if (row.kind !== "dag") return;
  const waits = await waitRows(trx, row.id);
  const waiting = waits.filter(isOpenWait).map(({ node }) => node);
  const paused = [...pausesIn(row, () => undefined).map(({ node }) => node), ...waiting];
  if (paused.length === 0) return;
  const attempts = trx.selectFrom("node_executions").select("node").where("run_id", "=", row.id);
  const inProgress = new Set((await attempts.where("status", "in", UNFINISHED).execute()).map(({ node }) => node));
  for (const node of paused) {
    if (inProgress.has(node)) continue;
    const cancelled: AttemptRow = { ...NO_ATTEMPT, run_id: row.id, node, finished_at: now };
    await trx
      .insertInto("node_executions")
      .values(cancelled)
      .onConflict((conflict) => conflict.columns(["run_id", "node", "attempt"]).doUpdateSet(cancelled))
      .execute();
  }
}

const NO_ATTEMPT = {
  attempt: 0,
  status: "cancelled",
  worker: null,
  output: null,
  branch: null,
  is_cached: 0,
  error: null,
  reason: null,
  started_at: null,
};
