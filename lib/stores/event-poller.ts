import type { CompiledQuery, Kysely } from "kysely";
import { append } from "../base/append.js";
import type { DatabaseAccess } from "./database-access.js";
import type { Codec } from "./codec.js";
import type { Database } from "./database.js";
import { MAX_ROWS } from "./event-rows.js";
import { lockRuns } from "./row-locks.js";
import type { SqlRunLog } from "./run-log.js";
import type { EventRow, Tables } from "./schema.js";
import { ColumnDecoder } from "./column-decoder.js";

/** How often it is looked for events while a run waits for some, in ms. */
const INTERVAL = 300;

/**
 * Hands the events that others recorded to the runs that are driven here: in order, and each once. Nothing is looked for while
 * no run waits. What a run has not got when it is taken over, whoever does that reads with the run.
 */
export class EventPoller {
  private readonly listeners = new Set<SqlRunLog>();
  /** Undefined where no look is planned or under way. */
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> | undefined;
  private nextRound: Promise<void> | undefined;
  private undeliveredQuery: CompiledQuery<EventRow> | undefined;

  /**
   * @param owner - to whom events are addressed
   * @param driven - the runs of that owner, by id
   */
  constructor(
    private readonly owner: string,
    private readonly driven: ReadonlyMap<string, SqlRunLog>,
    private readonly codec: Codec,
    private readonly access: DatabaseAccess,
  ) {}

  /** Whether a run waits for events. While one does, the process has something to do: what others send it. */
  waits(log: SqlRunLog, isWaiting: boolean): void {
    if (isWaiting) this.listeners.add(log);
    else this.listeners.delete(log);
    if (isWaiting && this.timer === undefined) this.schedulePoll();
    if (this.listeners.size > 0) this.timer?.ref();
    else this.timer?.unref();
  }

  /** Resolves when all is handed over that was recorded before the call. */
  poll(): Promise<void> {
    if (this.round === undefined) {
      this.round = this.access.run(() => this.deliver()).finally(() => (this.round = undefined));
      return this.round;
    }
    // The round that is under way may have looked already.
    this.nextRound ??= this.round
      .catch(() => {})
      .then(() => {
        this.nextRound = undefined;
        return this.poll();
      });
    return this.nextRound;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.listeners.clear();
  }

  private schedulePoll(): void {
    this.timer = setTimeout(() => {
      const again = () => {
        this.timer = undefined;
        if (this.listeners.size > 0) this.schedulePoll();
      };
      if (this.listeners.size === 0) return again();
      // The renewal of leases tells when the database can't be reached.
      this.poll().then(again, again);
    }, INTERVAL);
  }

  private async deliver(): Promise<void> {
    // Whoever begins to drive a run meanwhile, or is about to, reads with it what is found here.
    const drivers = new Set(Array.from(this.driven.values()).filter(({ isDriven }) => isDriven));
    const { byRun, texts } = await this.access.read(({ db }) => this.undelivered(db));
    const known: EventRow[] = [];
    const stray: EventRow[] = [];
    for (const [runId, mail] of byRun) {
      const log = this.driven.get(runId);
      if (log === undefined) stray.push(...mail);
      else if (drivers.has(log)) known.push(...log.deliver(mail, texts.get(runId) as ColumnDecoder));
    }
    if (known.length + stray.length === 0) return;
    await this.access.transaction((trx, database) => markDelivered(trx, this.owner, known, stray, database));
  }

  /** What is addressed to the runs of this owner, and the texts of it, by run. */
  private async undelivered(db: Kysely<Tables>) {
    const { rows } = await db.executeQuery((this.undeliveredQuery ??= undeliveredTo(db, this.owner)));
    const byRun = new Map<string, EventRow[]>();
    for (const row of rows) append(byRun, row.run_id, row);
    const texts = new Map<string, ColumnDecoder>();
    for (const [runId, mail] of byRun) texts.set(runId, await this.textsOf(db, runId, mail));
    return { byRun, texts };
  }

  private async textsOf(db: Kysely<Tables>, runId: string, mail: readonly EventRow[]): Promise<ColumnDecoder> {
    const texts = new ColumnDecoder(this.codec, runId);
    for (const event of mail) texts.register("fsm_events", event, "payload");
    await texts.fetchBlobs(db);
    return texts;
  }
}

/** Asks for the events for the runs that somebody drives, those of a run in order. */
function undeliveredTo(db: Kysely<Tables>, owner: string): CompiledQuery<EventRow> {
  const query = db.selectFrom("fsm_events").selectAll().where("for_owner", "=", owner);
  return query.orderBy("run_id").orderBy("number").compile();
}

/**
 * Events are not looked for any more that a run here has got, and not taken by now; nor those of a run that somebody else drives,
 * who has read them.
 * @param known - what has been handed over before
 * @param stray - of runs that are not driven here, unless one is just being taken up
 */
async function markDelivered(
  trx: Kysely<Tables>,
  owner: string,
  known: readonly EventRow[],
  stray: readonly EventRow[],
  database: Database,
): Promise<void> {
  const runIds = new Set([...known, ...stray].map(({ run_id }) => run_id));
  // Who writes events locks their runs first: otherwise two might wait for each other.
  const locked = await lockRuns(trx, database, Array.from(runIds));
  const owners = new Map(locked.map(({ id, owner }) => [id, owner]));
  const rows = [...known, ...stray.filter(({ run_id }) => owners.get(run_id) !== owner)];
  for (let at = 0; at < rows.length; at += MAX_ROWS) {
    const part = rows.slice(at, at + MAX_ROWS);
    await trx
      .updateTable("fsm_events")
      .set({ for_owner: null })
      .where((eb) => eb.or(part.map(({ run_id, id }) => eb.and([eb("run_id", "=", run_id), eb("id", "=", id)]))))
      .execute();
  }
}
