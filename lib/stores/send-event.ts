/**
 * Events sent to runs from outside: by a process that need not drive them.
 *
 * An event is recorded under the lock of its run's row. So its number is above all that are there, and whoever sees an event
 * has seen those before it.
 */
import { show } from "../base/check.js";
import type { Kysely } from "kysely";
import { StoreError } from "../base/errors.js";
import { append } from "../base/append.js";
import { newRunId } from "../base/ids.js";
import type { DatabaseAccess } from "./database-access.js";
import { Batch } from "./batch.js";
import { writeBlobs } from "./blobs.js";
import type { Codec } from "./codec.js";
import type { Database } from "./database.js";
import { insertEvents, encodePayload } from "./event-rows.js";
import { latestCycles, MAX_RUNS, tryParseWait } from "./latest-cycles.js";
import { requireKey } from "./storable-text.js";
import { otherWorkflow } from "./other-workflow.js";
import { lockRunRow } from "./records.js";
import type { RunRow, Tables } from "./schema.js";
import type { SentEvent } from "./store.js";
import { timeOfDay } from "./time.js";

/**
 * Records an event for a run, unless one of the same key is recorded already; resolves when it is committed.
 * @returns who drives the run; null for nobody
 * @throws {StoreError} UNSTORABLE, NOT_FOUND, RUN_ENDED; {ValidationError} for a run of another workflow
 */
export function sendEvent(access: DatabaseAccess, sent: SentEvent, codec: Codec): Promise<string | null> {
  const { runId, workflow, event, key } = sent;
  const batch = new Batch();
  const text = batch.store(encodePayload(sent, codec));
  if (key !== undefined) requireKey("The key", key);
  const id = key === undefined ? newRunId() : `key:${key}`;
  const record = async (trx: Kysely<Tables>, database: Database) => {
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
  };
  // It has its id already, by which it is known.
  return access.transaction(record);
}

async function isRecorded(db: Kysely<Tables>, runId: string, id: string): Promise<boolean> {
  const query = db.selectFrom("fsm_events").select("id").where("run_id", "=", runId).where("id", "=", id);
  return (await query.executeTakeFirst()) !== undefined;
}

function runEnded({ id, status }: RunRow, event: string): StoreError {
  const advice = status === "completed" ? "Send it to another run." : "Resume the run, then send it again.";
  return new StoreError(
    `The run ${show(id)} has ended as ${status}, and takes no event ${show(event)}. ${advice}`,
    "RUN_ENDED",
  );
}

/**
 * The paused runs of a workflow that can go on: their time has come, or an event that they wait for. No event ends a pause that
 * somebody threw: behind a wait, the one that was taken is still the first to be asked about.
 */
export async function readyRuns(
  db: Kysely<Tables>,
  workflow: string,
  kind: string,
): Promise<Pick<RunRow, "id" | "created_at">[]> {
  const time = timeOfDay();
  const rows = await db
    .selectFrom("runs")
    .select(["id", "created_at", "due_at"])
    .where("workflow", "=", workflow)
    .where("kind", "=", kind)
    .where("status", "=", "paused")
    .where((eb) => {
      const sent = eb.selectFrom("fsm_events").select("id").whereRef("run_id", "=", "runs.id");
      const isSent = eb.exists(sent.where("taken_at", "is", null));
      return eb.or([eb("due_at", "<=", time), eb.and([eb("pauses", "is", null), isSent])]);
    })
    .execute();
  const isDue = ({ due_at }: Pick<RunRow, "due_at">) => (due_at ?? Infinity) <= time;
  const resting = rows.filter((run) => !isDue(run)).map(({ id }) => id);
  const cycles = await latestCycles(db, resting);
  const sent = await untakenNames(db, resting);
  return rows.filter((run) => isDue(run) || isAwaited(cycles.get(run.id)?.wait ?? null, sent.get(run.id) ?? []));
}

/** Whether a wait is for one of some events. One that can't be read is for any, so that whoever goes on with the run finds out. */
function isAwaited(text: string | null, sent: readonly string[]): boolean {
  if (text === null) return false;
  const wait = tryParseWait(text);
  return wait === undefined || wait.events.some(([event]) => sent.includes(event));
}

/** The names of the events that runs have not taken, by run id. */
async function untakenNames(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>();
  for (let at = 0; at < runIds.length; at += MAX_RUNS) {
    const query = db.selectFrom("fsm_events").select(["run_id", "event"]).distinct().where("taken_at", "is", null);
    const found = await query.where("run_id", "in", runIds.slice(at, at + MAX_RUNS)).execute();
    for (const { run_id, event } of found) append(names, run_id, event);
  }
  return names;
}
