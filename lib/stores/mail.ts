/**
 * Events sent to runs from outside: by a process that need not drive them.
 *
 * An event is recorded under the lock of its run's row. So its number is above all that are there, and whoever sees an event
 * has seen those before it.
 */
import type { Kysely } from "kysely";
import { StoreError } from "../base/errors.js";
import { newRunId } from "../base/ids.js";
import { Batch } from "./batch.js";
import { writeBlobs } from "./blobs.js";
import type { Codec } from "./codec.js";
import type { Database } from "./connection.js";
import { insertEvents } from "./event-rows.js";
import { requireKept } from "./names.js";
import { otherWorkflow } from "./other-workflow.js";
import { lockedRow } from "./records.js";
import type { RunRow, Tables } from "./schema.js";
import type { RecordedWait, SentEvent } from "./store.js";
import { timeOfDay } from "./time.js";

/** Does work in one transaction. */
export type Transact = <T>(work: (trx: Kysely<Tables>, database: Database) => Promise<T>) => Promise<T>;

/**
 * Records an event for a run, unless one of the same key is recorded already; resolves when it is committed.
 * @returns who drives the run; null for nobody
 * @throws {StoreError} UNSTORABLE, NOT_FOUND, RUN_ENDED; {ValidationError} for a run of another workflow
 */
export function sendEvent(transact: Transact, sent: SentEvent, codec: Codec): Promise<string | null> {
  const { runId, workflow, event, payload, key } = sent;
  requireKept("The event", event);
  if (key !== undefined) requireKept("The key", key);
  const batch = new Batch();
  const text = batch.keep(codec.encode(payload, `The payload of event "${event}"`));
  const id = key === undefined ? newRunId() : `key:${key}`;
  return transact(async (trx, database) => {
    const run = await lockedRow(trx, database, runId);
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
  const advice = status === "completed" ? "Send it to another run." : "Resume the run, then send it again.";
  return new StoreError(
    `The run "${id}" has ended as ${status}, and takes no event "${event}". ${advice}`,
    "RUN_ENDED",
  );
}

/** The paused runs of a workflow that can go on: their time has come, or an event that they wait for. */
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
      return eb.or([eb("due_at", "<=", time), eb.exists(sent.where("taken_at", "is", null))]);
    })
    .execute();
  const ready: Pick<RunRow, "id" | "created_at">[] = [];
  for (const run of rows) {
    if ((run.due_at ?? Infinity) <= time || (await hasWhatItWaitsFor(db, run.id))) ready.push(run);
  }
  return ready;
}

async function hasWhatItWaitsFor(db: Kysely<Tables>, runId: string): Promise<boolean> {
  const cycles = db.selectFrom("fsm_cycles").select("wait").where("run_id", "=", runId);
  const { wait } = (await cycles.orderBy("cycle", "desc").limit(1).executeTakeFirst()) ?? { wait: null };
  const accepted = wait === null ? [] : (JSON.parse(wait) as RecordedWait).events.map(([event]) => event);
  if (accepted.length === 0) return false;
  const sent = db.selectFrom("fsm_events").select("id").where("run_id", "=", runId).where("taken_at", "is", null);
  return (await sent.where("event", "in", accepted).limit(1).executeTakeFirst()) !== undefined;
}
