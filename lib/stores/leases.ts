import { sql, type Kysely } from "kysely";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { Database } from "./connection.js";
import { isGone, newOwner } from "./owner.js";
import type { SqlRunLog } from "./run-log.js";
import type { RunRow, Tables } from "./schema.js";

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

  constructor(
    /** In ms. */
    readonly length: number,
    private readonly open: () => Promise<Database>,
  ) {}

  /** Whoever had the run here before, and did not know that it was taken over meanwhile, has lost it. */
  add(log: SqlRunLog): void {
    const last = this.driven.get(log.runId);
    this.driven.set(log.runId, log);
    if (last?.isDriven === true) last.refused();
    this.heartbeat ??= setInterval(() => void this.renew(), this.length / 3).unref();
  }

  release(log: SqlRunLog): void {
    if (this.driven.get(log.runId) === log) this.driven.delete(log.runId);
    if (this.driven.size === 0) this.stop();
  }

  private stop(): void {
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
  }

  /** Whether nobody drives a run; whatever its lease says, this store knows which ones it drives. */
  isFree({ id, owner, lease_expires_at, clock }: LeaseRow): boolean {
    if (owner === null || lease_expires_at === null) return true;
    if (owner === this.owner) return !this.driven.has(id);
    return lease_expires_at < clock || isGone(owner);
  }

  /** @throws {StoreError} LEASE_HELD */
  requireFree(row: LeaseRow, remedy = "Wait for its end, or for the end of the lease."): void {
    if (this.isFree(row)) return;
    const rest = Math.max(0, Math.ceil((row.lease_expires_at as number) - row.clock));
    const message = `The run "${row.id}" is driven by ${row.owner}, whose lease runs ${rest} ms more. ${remedy}`;
    throw new StoreError(message, "LEASE_HELD");
  }

  /** Lets others have at once what is driven here. */
  async giveBack(db: Kysely<Tables>): Promise<void> {
    this.stop();
    if (this.driven.size === 0) return;
    await db.updateTable("runs").set({ owner: null, lease_expires_at: null }).where("owner", "=", this.owner).execute();
  }

  /** Renews the leases of all runs driven here, and notices those that were lost. */
  private async renew(): Promise<void> {
    // Those that come or go meanwhile are not told of.
    const before = Array.from(this.driven.values()).filter(({ isDriven }) => isDriven);
    if (before.length === 0) return;
    const isHere = (log: SqlRunLog) => log.isDriven && this.driven.get(log.runId) === log;
    try {
      const database = await this.open();
      const renewed = await this.extend(database);
      if (renewed === before.length && before.every(isHere)) return;
      const tokens = await this.tokens(database);
      for (const log of before) if (isHere(log) && tokens.get(log.runId) !== log.token) log.refused();
    } catch (error) {
      warn(`The leases of runs could not be renewed: ${messageOf(error)}`, "DagwrightStoreWarning");
    }
  }

  /** Extends all leases of this store in one statement; gives how many. */
  private async extend({ db, clock, locksRows }: Database): Promise<number> {
    // In the order in which everybody locks them.
    const order = locksRows ? sql`order by id for update` : sql``;
    const { numAffectedRows } = await sql`
      update runs set lease_expires_at = ${clock} + ${this.length}
      where id in (select id from runs where owner = ${this.owner} ${order})`.execute(db);
    return Number(numAffectedRows);
  }

  /** The tokens of all runs that this store drives by their rows. */
  private async tokens({ db }: Database): Promise<Map<string, number>> {
    const rows = await db.selectFrom("runs").select(["id", "fencing_token"]).where("owner", "=", this.owner).execute();
    return new Map(rows.map(({ id, fencing_token }) => [id, fencing_token]));
  }
}
