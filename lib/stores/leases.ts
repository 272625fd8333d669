import { sql } from "kysely";
import { isTime, show } from "../base/check.js";
import { keepUp } from "../base/clockwork.js";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { Database } from "./database/database.js";
import { isGone, newOwner } from "./database/owner.js";
import { withRetries } from "./database/retry.js";
import { forUpdateInOrder, inList } from "./database/row-locks.js";
import type { SqlRunLog } from "./writing/run-log.js";
import type { RunRow } from "./database/schema.js";

/** The columns of a run without a driver. A driver that is merely slow is fenced off. */
export function withoutDriver({ fencing_token }: Pick<RunRow, "fencing_token">) {
  return { owner: null, lease_expires_at: null, fencing_token: fencing_token + 1 };
}

/** The lease of a run, and the database's time when it was read. */
export type LeaseRow = Pick<RunRow, "id" | "owner" | "lease_expires_at"> & { readonly clock: number };

/** A run, and the fencing token of its holder. */
type Held = Pick<SqlRunLog, "runId" | "token">;

/** A run that a store has reserved for itself, and not begun. */
export interface ReservedRun {
  /** As it was when it was reserved. Since then, others may have sent it events, or asked its driver for something. */
  readonly row: RunRow;
  /** The structure with its fingerprint; undefined if it is not known. */
  readonly structure: string | undefined;
  /** Whether nothing is recorded of it but its row. */
  readonly isBlank: boolean;
  /** Whether its start counts, since its workflow has a rate, see `queue/starts.ts`. */
  readonly isRated: boolean;
  /** The request to its driver, as far as it is known here, see `queue/request-column.ts`. */
  request: string | null;
}

/**
 * The leases of the runs that a store drives, or has reserved. A run belongs to its driver as long as the driver renews
 * the lease: three times per lease, for all its runs in one statement. If the driver's process dies, its runs are free
 * when their leases expire; on the same machine, at once.
 */
export class Leases {
  /** Unique among all stores that drive runs of the database. */
  readonly owner = newOwner();
  /** The runs that this store drives, by id. */
  readonly driven = new Map<string, SqlRunLog>();
  /** The runs that it has reserved, by id. */
  readonly reserved = new Map<string, ReservedRun>();
  private heartbeat: NodeJS.Timeout | undefined;
  private renewal: Promise<void> | undefined;
  /** The database may name this store as the driver of runs. */
  private hasDriven = false;
  private isReleased = false;

  constructor(
    /** The length of a lease, in ms. */
    readonly length: number,
    private readonly open: () => Promise<Database>,
    /** Called when the store begins to drive runs, and when it drives none any more. */
    private readonly onDriving: (isDriving: boolean) => void,
  ) {}

  /** Adds a driven run. An earlier log of the same run, which has not noticed that it lost its lease, is fenced off. */
  add(log: SqlRunLog): void {
    const earlier = this.driven.get(log.runId);
    this.driven.set(log.runId, log);
    if (earlier?.isDriven === true) earlier.fencedOff();
    this.start();
  }

  release(log: SqlRunLog): void {
    if (this.driven.get(log.runId) === log) this.driven.delete(log.runId);
    this.stopIfIdle();
  }

  /** Adds a run that the store has reserved. */
  reserve(reservation: ReservedRun): void {
    this.reserved.set(reservation.row.id, reservation);
    this.start();
  }

  /** The reservation of a run that this store may begin. */
  reservationOf(runId: string): ReservedRun | undefined {
    return this.driven.has(runId) ? undefined : this.reserved.get(runId);
  }

  /** Ends the reservation of a run that has this token, if there is one. */
  forgetReserved({ runId, token }: Held): void {
    const reservation = this.reserved.get(runId);
    if (reservation?.row.fencing_token === token) this.forget(reservation);
  }

  /** Whether this store drives a run with this token. */
  isDriving({ runId, token }: Held): boolean {
    const log = this.driven.get(runId);
    return log?.token === token && log.isDriven;
  }

  /** Ends a reservation: the run has begun, or was given back. */
  forget(reservation: ReservedRun): void {
    const { id } = reservation.row;
    if (this.reserved.get(id) === reservation) this.reserved.delete(id);
    this.stopIfIdle();
  }

  /** The database may name this store as the owner of runs. */
  mayOwn(): void {
    this.hasDriven = true;
  }

  private start(): void {
    this.hasDriven = true;
    if (this.isReleased || this.heartbeat !== undefined) return;
    this.heartbeat = keepUp(() => this.renewOnce(), this.length / 3).unref();
    this.onDriving(true);
  }

  private stopIfIdle(): void {
    if (this.driven.size + this.reserved.size === 0) this.stop();
  }

  /** Lets another driver have a run that is driven here, and has not ended. */
  async giveBack({ runId, token }: SqlRunLog, { db }: Database): Promise<void> {
    await db
      .updateTable("runs")
      .set({ owner: null, lease_expires_at: null })
      .where("id", "=", runId)
      .where("owner", "=", this.owner)
      .where("fencing_token", "=", token)
      .execute();
  }

  private stop(): void {
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
    this.onDriving(false);
  }

  /**
   * Whether a run has no driver, and is not about to get one. For its own runs, the store does not need the lease.
   * @param isOwnerGone - whether an owner's process is known to have ended
   */
  isFree({ id, owner, lease_expires_at, clock }: LeaseRow, isOwnerGone = isGone): boolean {
    if (owner === this.owner) return !this.driven.has(id) && !this.reserved.has(id);
    // A lease with an invalid time does not block the run.
    if (owner === null || !isTime(lease_expires_at)) return true;
    return lease_expires_at < clock || isOwnerGone(owner);
  }

  /** {@link Leases.isFree}, but not of a run that this store has just failed to record. */
  isDriverless(row: LeaseRow, isOwnerGone = isGone): boolean {
    const { owner, lease_expires_at, clock } = row;
    if (!this.isFree(row, isOwnerGone)) return false;
    return owner !== this.owner || !isTime(lease_expires_at) || lease_expires_at < clock;
  }

  /** @throws {StoreError} LEASE_HELD */
  requireFree(row: LeaseRow, remedy = "Wait until the run ends or the lease expires."): void {
    if (this.isFree(row)) return;
    const remaining = Math.max(0, Math.ceil((row.lease_expires_at as number) - row.clock));
    const message = `Run ${show(row.id)} is driven by ${row.owner}, whose lease expires in ${remaining} ms. ${remedy}`;
    throw new StoreError(message, "LEASE_HELD");
  }

  /**
   * Releases all runs of this store, including those whose writing failed; those that were only reserved are ready
   * again. Call it last: no lease is renewed afterwards.
   */
  async releaseAll(database: Pick<Database, "db" | "clock" | "hasRowLocks">): Promise<void> {
    this.isReleased = true;
    this.stop();
    await this.renewal;
    if (!this.hasDriven) return;
    await sql`
      update runs set owner = null, lease_expires_at = null,
        ready_at = case when status = 'running' then ready_at else ${database.clock} end
      where id in (select id from runs where owner = ${this.owner} ${forUpdateInOrder(database)})`.execute(database.db);
  }

  /** Renews the leases, unless a renewal is in progress: more of them would only slow down a slow database. */
  private renewOnce(): void {
    this.renewal ??= this.renew().finally(() => (this.renewal = undefined));
  }

  private async renew(): Promise<void> {
    try {
      const database = await this.open();
      await withRetries(() => this.renewNow(database), database.classify);
    } catch (error) {
      warn(`The leases of runs could not be renewed: ${messageOf(error)}`, "DagwrightStoreWarning");
    }
  }

  /**
   * Renews the leases of the runs driven or reserved here, and detects lost ones. The leases of runs whose writing failed
   * are left to expire, although their rows still name this store.
   */
  private async renewNow(database: Database): Promise<void> {
    // Only runs driven both before and after the renewal can have been lost.
    const registered = Array.from(this.driven.values()).filter(({ isDriven }) => isDriven);
    const reserved = Array.from(this.reserved.values());
    if (registered.length + reserved.length === 0) return;
    const held = await this.extend(database, [...this.driven.keys(), ...this.reserved.keys()]);
    for (const log of registered) {
      const isRegistered = log.isDriven && this.driven.get(log.runId) === log;
      if (isRegistered && held.get(log.runId) !== log.token) log.fencedOff();
    }
    for (const reservation of reserved) {
      const { id, fencing_token } = reservation.row;
      if (held.get(id) !== fencing_token) this.forget(reservation);
    }
  }

  /** Extends the leases that this store holds on some runs. Returns their fencing tokens. */
  private async extend(database: Database, runIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const isHeld = sql`owner = ${this.owner} and id ${inList(runIds, database)}`;
    const { rows } = await sql<Pick<RunRow, "id" | "fencing_token">>`
      update runs set lease_expires_at = ${database.clock} + ${this.length}
      where id in (select id from runs where ${isHeld} ${forUpdateInOrder(database)})
      returning id, fencing_token`.execute(database.db);
    return new Map(rows.map(({ id, fencing_token }) => [id, fencing_token]));
  }
}
