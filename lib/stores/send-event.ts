import type { Kysely } from "kysely";
import { show } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import { newRunId } from "../base/ids.js";
import { Batch } from "./writing/batch.js";
import { writeBlobs } from "./writing/blobs.js";
import type { Codec } from "./values/codec.js";
import type { DatabaseAccess } from "./database/database-access.js";
import type { Database } from "./database/database.js";
import { encodePayload, insertEvents } from "./writing/event-rows.js";
import { otherWorkflow } from "./other-workflow.js";
import { lockRunRow } from "./reading/run-rows.js";
import type { RunRow, Tables } from "./database/schema.js";
import { requireKey } from "./values/storable-text.js";
import type { SentEvent } from "./store.js";
import { timeOfDay } from "./database/time.js";

/**
 * Records an event for a run, whichever process drives it, unless one with the same key is recorded already. Resolves
 * after the commit.
 *
 * The event is numbered under the lock of the run's row, so that a reader who sees an event has seen all events before
 * it.
 * @returns the driver of the run, or null
 * @throws {StoreError} UNSTORABLE, NOT_FOUND, RUN_ENDED; {ValidationError} for a run of another workflow
 */
export function sendEvent(access: DatabaseAccess, sent: SentEvent, codec: Codec): Promise<string | null> {
  const { runId, workflow, event, key } = sent;
  const batch = new Batch();
  const text = batch.store(encodePayload(sent, codec));
  if (key !== undefined) requireKey("The key", key);
  // Fixed before the first attempt, so that a retry does not record the event twice.
  const id = key === undefined ? newRunId() : `key:${key}`;
  return access.transaction(async (trx, database: Database) => {
    const run = await lockRunRow(trx, database, runId);
    if (run.workflow !== workflow || run.kind !== "fsm") throw otherWorkflow(runId, run, "fsm", workflow);
    if (run.status !== "running" && run.status !== "paused") {
      if (await isRecorded(trx, runId, id)) return null;
      throw runEnded(run, event);
    }
    const row = { run_id: runId, id, event, payload: text, sent_at: timeOfDay(), for_owner: run.owner };
    await insertEvents(trx, [row]);
    await writeBlobs(trx, runId, batch.blobs);
    return run.owner;
  });
}

async function isRecorded(db: Kysely<Tables>, runId: string, id: string): Promise<boolean> {
  const query = db.selectFrom("fsm_events").select("id").where("run_id", "=", runId).where("id", "=", id);
  return (await query.executeTakeFirst()) !== undefined;
}

function runEnded({ id, status }: RunRow, event: string): StoreError {
  const remedy = status === "completed" ? "Send it to another run." : "Resume the run, then send it again.";
  return new StoreError(
    `Run ${show(id)} has ended as ${status} and accepts no event ${show(event)}. ${remedy}`,
    "RUN_ENDED",
  );
}
