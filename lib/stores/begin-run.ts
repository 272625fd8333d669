import { nowChecked, toEpoch } from "../base/clock.js";
import type { DatabaseAccess } from "./database/database-access.js";
import type { Leases, ReservedRun } from "./leases.js";
import { blankRun, readRun } from "./reading/recorded-run.js";
import { checkRow } from "./reading/row-checks.js";
import type { Claim, RecordedRun } from "./store.js";
import type { Codec } from "./values/codec.js";
import type { Batch, RunBeginRow } from "./writing/batch.js";
import { fingerprintOf, fitOf } from "./writing/fingerprint.js";
import { encodeInputs } from "./writing/new-run.js";
import { type LogHost, SqlRunLog } from "./writing/run-log.js";

/**
 * Reads a run that this store has reserved, so that no one else changes it.
 * @throws {StoreError} STORE naming what is corrupt
 */
export function readReserved(
  access: DatabaseAccess,
  { row, structure, isBlank }: ReservedRun,
  codec: Codec,
): Promise<RecordedRun> {
  return access.run(() =>
    access.readConsistent(async (db) => {
      checkRow("runs", row.id, row);
      return isBlank ? blankRun(db, row, structure, codec) : readRun(db, row, codec, structure);
    }),
  );
}

/** Whether a reserved run can begin without a transaction, since only its row changes. */
export function beginsPlainly({ isBlank }: ReservedRun, run: RecordedRun, claim: Claim): boolean {
  if (claim.discard.length + claim.sent.length > 0) return false;
  if (isBlank) return true;
  const hasWaitsInside = Array.from(run.waits.keys()).some((node) => node.includes("."));
  return claim.structure === undefined && claim.restart === undefined && !hasWaitsInside;
}

/**
 * Begins, or continues, a run that this store has reserved: its row changes together with the first entries. If the run
 * has been lost, writing them fails.
 * @returns the log of its driver, among the leases
 * @throws {StoreError} UNSTORABLE
 */
export function beginReserved(
  leases: Leases,
  host: LogHost,
  reservation: ReservedRun,
  run: RecordedRun,
  claim: Claim,
): SqlRunLog {
  const { id, fencing_token: token, metadata } = reservation.row;
  const log = new SqlRunLog(id, token, claim.driver, host, id, metadata);
  log.begin((batch) => beginRow(claim, reservation, batch, leases, host), run.events);
  log.asked = reservation.request;
  leases.add(log);
  leases.forget(reservation);
  return log;
}

function beginRow(
  { structure, kind, restart, trace }: Claim,
  { isRated }: ReservedRun,
  batch: Batch,
  { owner }: Leases,
  host: LogHost,
): RunBeginRow {
  if (structure !== undefined) batch.blobs.set(fingerprintOf(structure), structure);
  return {
    owner,
    isRated,
    updated_at: toEpoch(nowChecked()),
    kind: kind ?? null,
    fingerprint: structure === undefined ? null : fingerprintOf(structure),
    fit: structure === undefined ? null : fitOf(structure),
    inputs: restart === undefined ? null : encodeInputs(restart, batch, host),
    trace: trace ?? null,
  };
}
