import { sql } from "kysely";
import { lookLater } from "../../base/clockwork.js";
import { StoreError } from "../../base/errors.js";
import type { Database } from "../database/database.js";
import type { DatabaseAccess } from "../database/database-access.js";
import { timeOfDay } from "../database/time.js";
import type { Leases } from "../leases.js";
import type { SqlRunLog } from "../writing/run-log.js";
import { parseRequest } from "./request-column.js";

interface PolledRow {
  readonly clock: number;
  /** Null if there is no request. */
  readonly id: string | null;
  readonly request: string | null;
}

/** How often to poll while this store drives runs, in ms: a request reaches the driver within a second. */
const INTERVAL = 700;

/**
 * Passes what other processes ask for to the runs that this store drives, and keeps the shared clock right. Polls only
 * while there are such runs, with one query for all, and does not keep the process alive.
 */
export class RequestPoller {
  private timer: NodeJS.Timeout | undefined;
  private current: Promise<void> | undefined;

  constructor(
    private readonly leases: Leases,
    private readonly access: DatabaseAccess,
    /** Called when the driver of a run is asked before it has begun. */
    private readonly onAsked: (runId: string) => void,
  ) {}

  start(): void {
    this.timer ??= lookLater(() => this.pollAgain(), INTERVAL).unref();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private pollAgain(): void {
    this.timer = undefined;
    this.start();
    this.pollOnce();
  }

  /** Ignores errors: renewing the leases reports a database that can't be reached. */
  pollOnce(): void {
    this.current ??= this.access
      .run(() => this.access.read((database) => this.deliver(database)))
      .catch(() => {})
      .finally(() => (this.current = undefined));
  }

  private async deliver({ db, clock, isRemote }: Database): Promise<void> {
    const sentAt = timeOfDay();
    const { rows } = await sql<PolledRow>`
      select ${clock} as clock, runs.id, runs.request from (select 1 as one) as one
      left join runs on runs.owner = ${this.leases.owner} and runs.request is not null`.execute(db);
    if (isRemote) this.access.clock.compare(rows[0].clock, sentAt);
    for (const { id, request } of rows) if (id !== null && request !== null) this.pass(id, request);
  }

  /** Passes a request to the driver of a run, or keeps it until the run begins. */
  private pass(id: string, request: string): void {
    const log = this.leases.driven.get(id);
    const reservation = this.leases.reserved.get(id);
    if (log !== undefined) tellDriver(log, request);
    else if (reservation !== undefined) {
      reservation.request = request;
      this.onAsked(id);
    }
  }
}

/** Passes a request to the driver of a run. */
export function tellDriver(log: SqlRunLog, request: string): void {
  try {
    log.request(parseRequest(log.runId, request), request);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.fail(error);
  }
}
