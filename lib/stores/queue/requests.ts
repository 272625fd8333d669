import type { Kysely } from "kysely";
import { show } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { cancelRun } from "../cancel-run.js";
import type { Database } from "../database/database.js";
import type { RunRow, Tables } from "../database/schema.js";
import { timeOfDay } from "../database/time.js";
import { type Leases, withoutDriver } from "../leases.js";
import { lockRunRow } from "../reading/run-rows.js";
import { UNFINISHED } from "../reading/run-summary.js";
import type { Codec } from "../values/codec.js";
import { sanitize } from "../values/storable-text.js";
import type { SqlRunLog } from "../writing/run-log.js";
import { ASKED_TO_PAUSE } from "../writing/pauses.js";
import { timeToBegin } from "./begin-times.js";
import { lockHeldRow } from "./held-row.js";
import { requireOutermost } from "./outermost.js";
import type { DriverRequest, HeldRun, RequestOutcome } from "./queue.js";
import { parseRequest, requestText } from "./request-column.js";

/**
 * Cancels or pauses a run, in the caller's transaction: at once if it has no driver, otherwise by a request to the
 * driver.
 * @throws {StoreError} NOT_FOUND, RUN_ENDED; {ValidationError} for a run inside another one
 */
export async function requestOf(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  leases: Leases,
  runId: string,
  request: DriverRequest,
  codec: Codec,
): Promise<RequestOutcome> {
  const row = await lockRunRow(trx, database, runId);
  requireOutermost(row, titles[request.kind]);
  if (!UNFINISHED.includes(row.status)) throw runEnded(row, request);
  if (leases.isDriverless(row)) {
    await carryOut(trx, row, request, codec);
    return "done";
  }
  // A run that is to be cancelled need not pause.
  const isCancelled = row.request !== null && parseRequest(runId, row.request).kind === "cancel";
  if (isCancelled && request.kind === "pause") return "requested";
  await trx
    .updateTable("runs")
    .set({ request: requestText(request) })
    .where("id", "=", runId)
    .execute();
  return "requested";
}

const titles = { cancel: "Cancel", pause: "Pause" } as const;

function runEnded({ id, status }: RunRow, { kind }: DriverRequest): StoreError {
  const participle = kind === "cancel" ? "cancelled" : "paused";
  const message = `Run ${show(id)} can't be ${participle}: it has ended as ${status}.`;
  return new StoreError(message, "RUN_ENDED");
}

/** See `RunQueue.carryOut`, in the caller's transaction. @throws {StoreError} STORE for a corrupt row */
export async function carryOutHeld(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  leases: Pick<Leases, "owner">,
  run: HeldRun,
  codec: Codec,
): Promise<void> {
  const row = await lockHeldRow(trx, database, leases, run);
  if (row === undefined || row.request === null) return;
  await carryOut(trx, row, parseRequest(run.runId, row.request), codec);
}

/** Cancels or pauses a run without a driver, whose row is locked. */
export async function carryOut(trx: Kysely<Tables>, row: RunRow, request: DriverRequest, codec: Codec): Promise<void> {
  if (request.kind === "cancel") await cancelRun(trx, row, request.reason, codec);
  else await pauseRun(trx, row, request.reason);
}

async function pauseRun(trx: Kysely<Tables>, row: RunRow, reason: unknown): Promise<void> {
  const now = timeOfDay();
  const paused = {
    status: "paused",
    pause_reason: reason === undefined ? row.pause_reason : sanitize(messageOf(reason)),
    pauses: row.pauses ?? ASKED_TO_PAUSE,
    due_at: null,
    ready_at: null,
    was_due_at: timeToBegin(row),
    request: null,
    ...withoutDriver(row),
    recoveries: 0,
    updated_at: now,
    finished_at: now,
  };
  await trx.updateTable("runs").set(paused).where("id", "=", row.id).execute();
  const moment = { run_id: row.id, token: paused.fencing_token, number: 0, type: "run.paused", at: now };
  await trx
    .insertInto("moments")
    .values({ ...NO_DETAILS, ...moment })
    .execute();
}

const NO_DETAILS = { node: null, attempt: null, item: null, cycle: null, event: null, until: null, error: null };

/** Passes a request to the driver of a run. */
export function tellDriver(log: SqlRunLog, request: string): void {
  try {
    log.request(parseRequest(log.runId, request), request);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.fail(error);
  }
}
