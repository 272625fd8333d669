import type { Kysely } from "kysely";
import { append } from "../base/append.js";
import type { Codec } from "./codec.js";
import { MOST_ROWS } from "./event-rows.js";
import { Texts } from "./records.js";
import type { SqlRunLog } from "./run-log.js";
import type { EventRow, Tables } from "./schema.js";

/** How often it is looked for events while a run waits for some, in ms. */
const INTERVAL = 300;

/**
 * Hands the events that others recorded to the runs that are driven here: in order, and each once. Nothing is looked for while
 * no run waits. What a run has not got when it is taken over, whoever does that reads with the run.
 */
export class Postman {
  private readonly waiting = new Set<SqlRunLog>();
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> | undefined;
  private nextRound: Promise<void> | undefined;

  /**
   * @param owner - to whom events are addressed
   * @param driven - the runs of that owner, by id
   */
  constructor(
    private readonly owner: string,
    private readonly driven: ReadonlyMap<string, SqlRunLog>,
    private readonly codec: Codec,
    private readonly open: () => Promise<{ readonly db: Kysely<Tables> }>,
  ) {}

  /** Whether a run waits for events. */
  waits(log: SqlRunLog, isWaiting: boolean): void {
    if (isWaiting) this.waiting.add(log);
    else this.waiting.delete(log);
    if (isWaiting && this.timer === undefined) this.lookLater();
  }

  /** Resolves when all is handed over that was recorded before the call. */
  look(): Promise<void> {
    if (this.round === undefined) {
      this.round = this.handOver().finally(() => (this.round = undefined));
      return this.round;
    }
    // The round that is under way may have looked already.
    this.nextRound ??= this.round
      .catch(() => {})
      .then(() => {
        this.nextRound = undefined;
        return this.look();
      });
    return this.nextRound;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waiting.clear();
  }

  private lookLater(): void {
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.waiting.size === 0) return;
      const again = () => {
        if (this.waiting.size > 0) this.lookLater();
      };
      // The renewal of leases tells when the database can't be reached.
      this.look().then(again, again);
    }, INTERVAL).unref();
  }

  private async handOver(): Promise<void> {
    // Whoever drives a run by the time that rows have come has read them with the run.
    const drivers = new Map(this.driven);
    const { db } = await this.open();
    const rows = await addressedTo(db, this.owner);
    if (rows.length === 0) return;
    const texts = new Texts(this.codec);
    for (const { payload } of rows) texts.expect(payload);
    await texts.fetch(db);
    const byRun = new Map<string, EventRow[]>();
    for (const row of rows) append(byRun, row.run_id, row);
    const handed: EventRow[] = [];
    const left: string[] = [];
    for (const [runId, mail] of byRun) {
      const log = this.driven.get(runId);
      if (log === undefined) left.push(runId);
      else if (log === drivers.get(runId)) {
        log.receive(mail, texts);
        handed.push(...mail);
      }
    }
    await handedOver(db, handed);
    await letGo(db, this.owner, left);
  }
}

/** The events for the runs that somebody drives, those of a run in order. */
function addressedTo(db: Kysely<Tables>, owner: string): Promise<EventRow[]> {
  const query = db.selectFrom("fsm_events").selectAll().where("for_owner", "=", owner);
  return query.orderBy("run_id").orderBy("number").execute();
}

/** Nobody has to look for these any more. */
async function handedOver(db: Kysely<Tables>, rows: readonly EventRow[]): Promise<void> {
  for (let at = 0; at < rows.length; at += MOST_ROWS) {
    const part = rows.slice(at, at + MOST_ROWS);
    const query = db.updateTable("fsm_events").set({ for_owner: null });
    await query
      .where((eb) => eb.or(part.map(({ run_id, id }) => eb.and([eb("run_id", "=", run_id), eb("id", "=", id)]))))
      .execute();
  }
}

/** Nor for what is addressed to somebody who does not drive the runs any more: whoever takes them up reads it. */
async function letGo(db: Kysely<Tables>, owner: string, runIds: readonly string[]): Promise<void> {
  const driven = db.selectFrom("runs").select("id").whereRef("runs.id", "=", "fsm_events.run_id");
  for (let at = 0; at < runIds.length; at += MOST_ROWS) {
    const query = db.updateTable("fsm_events").set({ for_owner: null }).where("for_owner", "=", owner);
    await query
      .where("run_id", "in", runIds.slice(at, at + MOST_ROWS))
      .where((eb) => eb.not(eb.exists(driven.where("owner", "=", owner))))
      .execute();
  }
}
