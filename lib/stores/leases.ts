import { isTime, show } from "../base/check.js";
import { sql } from "kysely";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { Database } from "./database.js";
import { withRetries } from "./retry.js";
import { isGone, newOwner } from "./owner.js";
import { inList, forUpdateInOrder } from "./row-locks.js";
import type { SqlRunLog } from "./run-log.js";
import type { RunRow } from "./schema.js";

/** What a run's row says of who drives it, and the time by the database's clock when it was read. */
export type LeaseRow = Pick<RunRow, "id" | "owner" | "lease_expires_at"> & { readonly clock: number };

/**
 * Which runs a store drives, and until when. A run belongs to its driver for as long as that renews the lease, which it does
 * three times as often as it need be, for all its runs in one statement. The driver of a process that is gone has lost its
 * runs at once, if that process was on this machine.
 */
export class Leases {
  /** Names this store among all that drive runs of the database. */
  readonly owner = newOwner();
  /** The runs that this store drives, by id. */
  readonly driven = new Map<string, SqlRunLog>();
  private heartbeat: NodeJS.Timeout | undefined;
  private renewal: Promise<void> | undefined;
  /** Runs may be recorded as driven by this store. */
  private hasDriven = false;
  private isOver = false;

  constructor(
    /** In ms. */
    readonly length: number,
    private readonly open: () => Promise<Database>,
  ) {}

  /** Whoever had the run here before, and did not know that it was taken over meanwhile, has lost it. */
  add(log: SqlRunLog): void {
    const last = this.driven.get(log.runId);
    this.driven.set(log.runId, log);
    if (last?.isDriven === true) last.fencedOff();
    this.hasDriven = true;
    if (!this.isOver) this.heartbeat ??= setInterval(() => this.renewOnce(), this.length / 3).unref();
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
   * Whether nobody drives a run; whatever its lease says, this store knows which ones it drives.
   * @param isLost - whether an owner's process is known to be gone
   */
  isFree({ id, owner, lease_expires_at, clock }: LeaseRow, isLost = isGone): boolean {
    if (owner === this.owner) return !this.driven.has(id);
    // A lease to a time that nobody can live to see holds up nobody.
    if (owner === null || !isTime(lease_expires_at)) return true;
    return lease_expires_at < clock || isLost(owner);
  }

  /** @throws {StoreError} LEASE_HELD */
  requireFree(row: LeaseRow, remedy = "Wait for its end, or for the end of the lease."): void {
    if (this.isFree(row)) return;
    const rest = Math.max(0, Math.ceil((row.lease_expires_at as number) - row.clock));
    const message = `The run ${show(row.id)} is driven by ${row.owner}, whose lease runs ${rest} ms more. ${remedy}`;
    throw new StoreError(message, "LEASE_HELD");
  }

  /**
   * Lets others have at once what is driven here, and what was until its writing failed. To be called at the end: nothing is
   * renewed afterwards.
   */
  async releaseAll(database: Pick<Database, "db" | "hasRowLocks">): Promise<void> {
    this.isOver = true;
    this.stop();
    await this.renewal;
    if (!this.hasDriven) return;
    await sql`
      update runs set owner = null, lease_expires_at = null
      where id in (select id from runs where owner = ${this.owner} ${forUpdateInOrder(database)})`.execute(database.db);
  }

  /** One renewal at a time: when the database is slow, more of them would only keep it from other work. */
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
   * Renews the leases of the runs driven here, and notices those that were lost. Others of which the rows name this store, because
   * the writing of them failed, are free when their leases run out.
   */
  private async renewNow(database: Database): Promise<void> {
    const driven = Array.from(this.driven.values());
    // Those that come or go meanwhile are not told of.
    const before = driven.filter(({ isDriven }) => isDriven);
    if (before.length === 0) return;
    const isHere = (log: SqlRunLog) => log.isDriven && this.driven.get(log.runId) === log;
    const renewed = await this.extend(
      database,
      driven.map(({ runId }) => runId),
    );
    if (renewed === driven.length) return;
    const tokens = await this.tokens(database);
    for (const log of before) if (isHere(log) && tokens.get(log.runId) !== log.token) log.fencedOff();
  }

  /** Extends the leases that this store has of some runs, in one statement; gives how many. */
  private async extend(database: Database, runIds: readonly string[]): Promise<number> {
    const isHere = sql`owner = ${this.owner} and id ${inList(runIds, database)}`;
    const { numAffectedRows } = await sql`
      update runs set lease_expires_at = ${database.clock} + ${this.length}
      where id in (select id from runs where ${isHere} ${forUpdateInOrder(database)})`.execute(database.db);
    return Number(numAffectedRows);
  }

  /** The tokens of all runs that this store drives by their rows. */
  private async tokens({ db }: Database): Promise<Map<string, number>> {
    const rows = await db.selectFrom("runs").select(["id", "fencing_token"]).where("owner", "=", this.owner).execute();
    return new Map(rows.map(({ id, fencing_token }) => [id, fencing_token]));
  }
}
