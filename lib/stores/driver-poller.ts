import { sql } from "kysely";
import { lookLater } from "../base/clockwork.js";
import type { Database } from "./database/database.js";
import type { DatabaseAccess } from "./database/database-access.js";
import { timeOfDay } from "./database/time.js";
import type { EventDelivery } from "./event-delivery.js";
import type { Leases } from "./leases.js";
import type { SqlRunLog } from "./writing/run-log.js";

interface PolledRow {
  readonly clock: number;
  /** 1 if there are undelivered events, else 0. */
  readonly events: number;
  /** Null if there is no request. */
  readonly id: string | null;
  readonly request: string | null;
}

/** How often to poll while a run waits for events, in ms. */
const INTERVAL = 300;
/** While none does, only every second time: a request reaches the driver within a second. */
const IDLE_TURNS = 2;

/**
 * Polls for what other processes record for the runs that this store drives: events, and requests to cancel or pause.
 * It polls only while there are such runs, with one small query for all of them, which also corrects the shared clock.
 */
export class DriverPoller {
  /** The runs that wait for events. They keep the process alive, since others may send some. */
  private readonly waiting = new Set<SqlRunLog>();
  private isDriving = false;
  private turn = 0;
  private timer: NodeJS.Timeout | undefined;
  private current: Promise<void> | undefined;

  constructor(
    private readonly leases: Leases,
    private readonly access: DatabaseAccess,
    private readonly events: EventDelivery,
    /** Called with each request for a run that this store drives, or has reserved. */
    private readonly onRequest: (runId: string, request: string) => void,
  ) {}

  /** Called when the store begins to drive runs, and when it drives none any more. */
  setDriving(isDriving: boolean): void {
    this.isDriving = isDriving;
    if (isDriving) this.schedule();
    else this.stop();
  }

  /** Adds a run that waits for events. */
  add(log: SqlRunLog): void {
    this.waiting.add(log);
    this.timer?.ref();
    if (log.mayHaveEarlier) this.events.deliverEarlier(log);
  }

  /** Removes a run that no longer waits for events. */
  remove(log: SqlRunLog): void {
    this.waiting.delete(log);
    if (this.waiting.size === 0) this.timer?.unref();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.isDriving = false;
  }

  private schedule(): void {
    if (this.timer !== undefined || !this.isDriving) return;
    this.timer = lookLater(() => this.takeTurn(), INTERVAL);
    if (this.waiting.size === 0) this.timer.unref();
  }

  private takeTurn(): void {
    this.timer = undefined;
    this.turn = (this.turn + 1) % IDLE_TURNS;
    if (this.waiting.size === 0 && this.turn !== 0) return this.schedule();
    void this.poll().then(() => this.schedule());
  }

  /** Ignores errors: renewing the leases reports a database that can't be reached. */
  poll(): Promise<void> {
    this.current ??= this.access
      .run(() => this.look())
      .catch(() => {})
      .finally(() => (this.current = undefined));
    return this.current;
  }

  private async look(): Promise<void> {
    const rows = await this.access.read((database) => this.read(database));
    for (const { id, request } of rows) if (id !== null && request !== null) this.onRequest(id, request);
    if (rows[0].events === 1) await this.events.deliver();
  }

  private async read({ db, clock, isRemote }: Database): Promise<readonly PolledRow[]> {
    const { owner } = this.leases;
    const sentAt = timeOfDay();
    const { rows } = await sql<PolledRow>`
      select ${clock} as clock, events, runs.id, runs.request
      from (select case when exists (select 1 from events where for_owner = ${owner}) then 1 else 0 end as events) as e
      left join runs on runs.owner = ${owner} and runs.request is not null`.execute(db);
    if (isRemote) this.access.clock.compare(rows[0].clock, sentAt);
    return rows;
  }
}
