import type { CompiledQuery, Kysely } from "kysely";
import { append } from "../base/append.js";
import type { Codec } from "./values/codec.js";
import { ColumnDecoder } from "./reading/column-decoder.js";
import type { DatabaseAccess } from "./database/database-access.js";
import type { Database } from "./database/database.js";
import { parts } from "./database/parts.js";
import { MAX_ROWS, untakenEvents } from "./writing/event-rows.js";
import { lockRuns } from "./database/row-locks.js";
import type { SqlRunLog } from "./writing/run-log.js";
import type { EventRow, Tables } from "./database/schema.js";

/**
 * Delivers the events that other processes recorded to the runs driven here: in order, each once. Events that are
 * undelivered when a run is taken over are read by the new driver.
 */
export class EventDelivery {
  private current: Promise<void> | undefined;
  private next: Promise<void> | undefined;
  private undeliveredQuery: CompiledQuery<EventRow> | undefined;

  /**
   * @param owner - the addressee of the events
   * @param driven - its runs, by id
   */
  constructor(
    private readonly owner: string,
    private readonly driven: ReadonlyMap<string, SqlRunLog>,
    private readonly codec: Codec,
    private readonly access: DatabaseAccess,
  ) {}

  /** Delivers the events that were recorded for a run before it began. */
  deliverEarlier(log: SqlRunLog): void {
    const read = async ({ db }: Database) => {
      const rows = await untakenEvents(db, log.runId);
      log.deliverEarlier(rows, await this.decoderFor(db, log.runId, rows));
    };
    // Ignores errors: renewing the leases reports a database that can't be reached. The next wait tries again.
    this.access.run(() => this.access.read(read)).catch(() => {});
  }

  /** Resolves when all events recorded before the call are delivered. */
  deliver(): Promise<void> {
    if (this.current === undefined) {
      this.current = this.access.run(() => this.deliverNow()).finally(() => (this.current = undefined));
      return this.current;
    }
    // The delivery in progress may have read the events already.
    this.next ??= this.current
      .catch(() => {})
      .then(() => {
        this.next = undefined;
        return this.deliver();
      });
    return this.next;
  }

  private async deliverNow(): Promise<void> {
    // A driver that registers after this point reads the events with its run.
    const registered = new Set(Array.from(this.driven.values()).filter(({ isDriven }) => isDriven));
    const { events, decoders } = await this.access.read(({ db }) => this.undelivered(db));
    const delivered: EventRow[] = [];
    const orphaned: EventRow[] = [];
    for (const [runId, rows] of events) {
      const log = this.driven.get(runId);
      if (log === undefined) orphaned.push(...rows);
      else if (registered.has(log)) delivered.push(...log.deliver(rows, decoders.get(runId) as ColumnDecoder));
    }
    if (delivered.length + orphaned.length === 0) return;
    await this.access.transaction((trx, database) => markDelivered(trx, this.owner, delivered, orphaned, database));
  }

  /** The undelivered events and their decoders, by run. */
  private async undelivered(db: Kysely<Tables>) {
    const { rows } = await db.executeQuery((this.undeliveredQuery ??= undeliveredTo(db, this.owner)));
    const events = new Map<string, EventRow[]>();
    for (const row of rows) append(events, row.run_id, row);
    const decoders = new Map<string, ColumnDecoder>();
    for (const [runId, ofRun] of events) decoders.set(runId, await this.decoderFor(db, runId, ofRun));
    return { events, decoders };
  }

  private async decoderFor(db: Kysely<Tables>, runId: string, events: readonly EventRow[]): Promise<ColumnDecoder> {
    const decoder = new ColumnDecoder(this.codec, runId);
    for (const event of events) decoder.register("events", event, "payload");
    await decoder.fetchBlobs(db);
    return decoder;
  }
}

/** Selects the undelivered events of an owner's runs, those of a run in order. */
function undeliveredTo(db: Kysely<Tables>, owner: string): CompiledQuery<EventRow> {
  const query = db.selectFrom("events").selectAll().where("for_owner", "=", owner);
  return query.orderBy("run_id").orderBy("number").compile();
}

/**
 * Excludes events from later deliveries.
 * @param delivered - delivered earlier, and not taken since
 * @param orphaned - of runs not driven here: kept if a run is being claimed, otherwise read by its new driver
 */
async function markDelivered(
  trx: Kysely<Tables>,
  owner: string,
  delivered: readonly EventRow[],
  orphaned: readonly EventRow[],
  database: Database,
): Promise<void> {
  const runIds = new Set([...delivered, ...orphaned].map(({ run_id }) => run_id));
  // Writers of events lock their runs first, and so does this, to prevent deadlocks.
  const locked = await lockRuns(trx, database, Array.from(runIds));
  const owners = new Map(locked.map(({ id, owner }) => [id, owner]));
  const rows = [...delivered, ...orphaned.filter(({ run_id }) => owners.get(run_id) !== owner)];
  for (const part of parts(rows, MAX_ROWS)) {
    await trx
      .updateTable("events")
      .set({ for_owner: null })
      .where((eb) => eb.or(part.map(({ run_id, id }) => eb.and([eb("run_id", "=", run_id), eb("id", "=", id)]))))
      .execute();
  }
}
