import { beginReserved, beginsPlainly, readReserved } from "./begin-run.js";
import { claimRun } from "./claim-run.js";
import type { DatabaseAccess } from "./database/database-access.js";
import type { Leases } from "./leases.js";
import { tellDriver } from "./queue/requests.js";
import { readRun } from "./reading/recorded-run.js";
import { requireRunRow } from "./reading/run-rows.js";
import type { Claim, RecordedRun } from "./store.js";
import { leaseLost, type LogHost, type SqlRunLog } from "./writing/run-log.js";

/**
 * Makes this store the driver of runs that have none, or that it has reserved. A reserved run whose record does not change
 * needs no transaction.
 */
export class Claims {
  constructor(
    private readonly access: DatabaseAccess,
    private readonly leases: Leases,
    private readonly logHost: LogHost,
  ) {}

  /** See {@link RunStore.claim}. */
  async claim(
    runId: string,
    accept: (run: RecordedRun) => Claim | undefined,
    held?: number,
  ): Promise<SqlRunLog | undefined> {
    const { access, leases, logHost } = this;
    const reservation = leases.reservationOf(runId);
    if (held !== undefined && reservation?.row.fencing_token !== held) throw leaseLost(runId);
    if (reservation !== undefined) {
      const run = await readReserved(access, reservation, logHost.codec);
      access.requireOpen();
      const claim = accept(run);
      if (claim === undefined) return void leases.forget(reservation);
      if (beginsPlainly(reservation, run, claim)) {
        return begun(beginReserved(leases, logHost, reservation, run, claim));
      }
    }
    const log = await this.claimNow(runId, accept, held);
    if (reservation !== undefined && log !== undefined) {
      log.asked = reservation.request;
      leases.forget(reservation);
    }
    return log && begun(log.markRegistered());
  }

  /** Claims a run in one transaction. */
  private async claimNow(
    runId: string,
    accept: (run: RecordedRun) => Claim | undefined,
    held: number | undefined,
  ): Promise<SqlRunLog | undefined> {
    let rejection: { readonly error: unknown } | undefined;
    const acceptOrReject = (run: RecordedRun): Claim | undefined => {
      try {
        return accept(run);
      } catch (error) {
        rejection = { error };
        throw error;
      }
    };
    const { access, leases, logHost } = this;
    let log: SqlRunLog | undefined;
    try {
      await access.run(() =>
        access.transaction<SqlRunLog | undefined>(async (trx, database, claimed) => {
          log = await claimRun(trx, database, leases, logHost, { runId, held }, acceptOrReject, claimed);
          return log;
        }),
      );
      // If the store has started closing, it releases the run.
      access.requireOpen();
    } catch (error) {
      if (log !== undefined) leases.release(log);
      throw rejection === undefined ? error : rejection.error;
    }
    return log;
  }

  /** See {@link RunStore.read}. */
  async read(runId: string): Promise<RecordedRun> {
    const { access, leases, logHost } = this;
    const reservation = leases.reservationOf(runId);
    if (reservation !== undefined) return readReserved(access, reservation, logHost.codec);
    return access.run(() =>
      access.readConsistent(async (db) => readRun(db, await requireRunRow(db, runId), logHost.codec)),
    );
  }
}

/** Passes the request that came before a run began to its driver. */
function begun(log: SqlRunLog): SqlRunLog {
  if (log.asked !== null) tellDriver(log, log.asked);
  return log;
}
