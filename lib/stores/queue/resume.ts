import type { Kysely } from "kysely";
import { show } from "../../base/check.js";
import { StoreError, ValidationError } from "../../base/errors.js";
import type { Database } from "../database/database.js";
import type { Tables } from "../database/schema.js";
import { timeOfDay } from "../database/time.js";
import { type Leases, withoutDriver } from "../leases.js";
import { readRun } from "../reading/recorded-run.js";
import { lockRunRow } from "../reading/run-rows.js";
import type { Codec } from "../values/codec.js";
import { Batch } from "../writing/batch.js";
import { writeBlobs } from "../writing/blobs.js";
import { timesToGoOn } from "./begin-times.js";
import { requireOutermost } from "./outermost.js";
import type { Answers } from "./queue.js";

/** Answers, encoded when they were given. */
interface EncodedAnswers extends Pick<Answers, "check"> {
  readonly text: string;
}

/** @throws {StoreError} UNSTORABLE */
export function encodeAnswers({ provide, check }: Answers, codec: Codec): EncodedAnswers {
  return { text: codec.encode({ ...provide }, "The provided results"), check };
}

/**
 * Queues a run that is at rest, or has ended without completing, in the caller's transaction; see `RunQueue.resume`.
 * @param previous - the result of an earlier attempt, whose commit failed or went unanswered
 * @returns the run's new fencing token
 * @throws {ValidationError} for a run inside another one, and for one that is queued; {StoreError} NOT_FOUND, RUN_ENDED,
 *   LEASE_HELD, UNSTORABLE; whatever the check of the answers throws
 */
export async function resumeRun(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  leases: Leases,
  runId: string,
  answers: EncodedAnswers | undefined,
  codec: Codec,
  previous: number | undefined,
): Promise<number> {
  const batch = new Batch();
  const provided = answers === undefined ? null : batch.store(answers.text);
  const row = await lockRunRow(trx, database, runId);
  if (previous !== undefined && row.fencing_token >= previous) return previous;
  requireOutermost(row, "Resume");
  if (row.status === "completed") {
    const message = `Run ${show(runId)} can't be resumed: it has completed. Replay it, or submit another one.`;
    throw new StoreError(message, "RUN_ENDED");
  }
  leases.requireFree(row);
  if (row.status === "queued")
    throw new ValidationError(`Run ${show(runId)} is queued already, and goes on by itself.`);
  answers?.check(await readRun(trx, row, codec));
  const queued = {
    status: "queued",
    ...timesToGoOn(row, database),
    updated_at: timeOfDay(),
    request: null,
    error: null,
    outputs: null,
    finished_at: null,
    recoveries: 0,
    ...withoutDriver(row),
    provided,
  };
  await trx.updateTable("runs").set(queued).where("id", "=", runId).execute();
  await writeBlobs(trx, runId, batch.blobs);
  return queued.fencing_token;
}
