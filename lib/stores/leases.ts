import { sql } from "kysely";
import { isTime, show } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { Database } from "./database/database.js";
import { isGone, newOwner } from "./database/owner.js";
import { withRetries } from "./database/retry.js";
import { forUpdateInOrder, inList } from "./database/row-locks.js";
import type { SqlRunLog } from "./writing/run-log.js";
import type { RunRow } from "./database/schema.js";

/** The lease of a run, and the database's time when it was read. */
export type LeaseRow = Pick<RunRow, "id" | "owner" | "lease_expires_at"> & { readonly clock: number };

/**
 * The leases of the runs that a store drives. A run belongs to its driver as long as the driver renews the lease: three
 * times per lease, for all its runs in one statement. If the driver's process dies, its runs are free when their leases
 * expire, and on the same machine at once.
 */
export class Leases {
  /** Unique among all stores that drive runs of the database. */
  readonly owner = newOwner();
  /** The runs that this store drives, by id. */
  readonly driven = new Map<string, SqlRunLog>();
  private heartbeat: NodeJS.Timeout | undefined;
  private renewal: Promise<void> | undefined;
  /** The database may name this store as the driver of runs. */
  private hasDriven = false;
  private isReleased = false;

  constructor(
    /** The length of a lease, in ms. */
    readonly length: number,
    private readonly open: () => Promise<Database>,
  ) {}

  /** Adds a driven run. An earlier log of the same run, which has not noticed that it lost its lease, is fenced off. */
  add(log: SqlRunLog): void {
    const earlier = this.driven.get(log.runId);
    this.driven.set(log.runId, log);
    if (earlier?.isDriven === true) earlier.fencedOff();
    this.hasDriven = true;
    if (!this.isReleased) this.heartbeat ??= setInterval(() => this.renewOnce(), this.length / 3).unref();
  }

  release(log: SqlRunLog): void {
    if (this.driven.get(log.runId) === log) this.driven.delete(log.runId);
    if (this.driven.size === 0) this.stop();
  }

  private stop(): void {
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
  }

  /**
   * Whether a run has no driver. For its own runs, the store does not need the lease.
   * @param isOwnerGone - whether an owner's process is known to have ended
   */
  isFree({ id, owner, lease_expires_at, clock }: LeaseRow, isOwnerGone = isGone): boolean {
    if (owner === this.owner) return !this.driven.has(id);
    // A lease with an invalid time does not block the run.
    if (owner === null || !isTime(lease_expires_at)) return true;
    return lease_expires_at < clock || isOwnerGone(owner);
  }

  /** @throws {StoreError} LEASE_HELD */
  requireFree(row: LeaseRow, remedy = "Wait until the run ends or the lease expires."): void {
    if (this.isFree(row)) return;
    const remaining = Math.max(0, Math.ceil((row.lease_expires_at as number) - row.clock));
    const message = `Run ${show(row.id)} is driven by ${row.owner}, whose lease expires in ${remaining} ms. ${remedy}`;
    throw new StoreError(message, "LEASE_HELD");
  }

  /**
   * Releases all runs of this store, including those whose writing failed. Called last: no lease is renewed afterwards.
   */
  async releaseAll(database: Pick<Database, "db" | "hasRowLocks">): Promise<void> {
    this.isReleased = true;
    this.stop();
    await this.renewal;
    if (!this.hasDriven) return;
    await sql`
      update runs set owner = null, lease_expires_at = null
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
   * Renews the leases of the runs driven here, and detects lost ones. The leases of runs whose writing failed are left
   * to expire, although their rows still name this store.
   */
  private async renewNow(database: Database): Promise<void> {
    const driven = Array.from(this.driven.values());
    // Only logs that are registered before and after the renewal can have lost their leases.
    const registered = driven.filter(({ isDriven }) => isDriven);
    if (registered.length === 0) return;
    const isRegistered = (log: SqlRunLog) => log.isDriven && this.driven.get(log.runId) === log;
    const renewed = await this.extend(
      database,
      driven.map(({ runId }) => runId),
    );
    if (renewed === driven.length) return;
    const tokens = await this.tokens(database);
    for (const log of registered) {
      if (isRegistered(log) && tokens.get(log.runId) !== log.token) log.fencedOff();
    }
  }

  /** Extends the leases that this store holds on some runs. Returns their number. */
  private async extend(database: Database, runIds: readonly string[]): Promise<number> {
    const isHeld = sql`owner = ${this.owner} and id ${inList(runIds, database)}`;
    const { numAffectedRows } = await sql`
      update runs set lease_expires_at = ${database.clock} + ${this.length}
      where id in (select id from runs where ${isHeld} ${forUpdateInOrder(database)})`.execute(database.db);
    return Number(numAffectedRows);
  }

  /** The fencing tokens of all runs whose rows name this store. */
  private async tokens({ db }: Database): Promise<Map<string, number>> {
    const rows = await db.selectFrom("runs").select(["id", "fencing_token"]).where("owner", "=", this.owner).execute();
    return new Map(rows.map(({ id, fencing_token }) => [id, fencing_token]));
  }
}
