/** Rows of the table `events`. */
import { type Kysely, sql } from "kysely";
import { show } from "../../base/check.js";
import type { Codec } from "../values/codec.js";
import { checkRow } from "../reading/row-checks.js";
import { parts } from "../database/parts.js";
import type { EventRow, Tables } from "../database/schema.js";
import { requireStorable } from "../values/storable-text.js";
import type { QueuedEvent } from "../store.js";
import { timeOfDay } from "../database/time.js";

/** The maximum number of rows per statement. */
export const MAX_ROWS = 50;

/** An event that is not recorded yet. Its number is assigned when it is inserted. */
export type NewEvent = Omit<EventRow, "number" | "taken_at">;

/** The run of an event. */
export interface EventPlace {
  readonly runId: string;
  /** The outermost run that contains it. */
  readonly rootId: string;
}

/** Encodes the payload of an event. @throws {StoreError} UNSTORABLE, also for the event's name */
export function encodePayload({ event, payload }: Pick<QueuedEvent, "event" | "payload">, codec: Codec): string {
  requireStorable("The event", event);
  return codec.encode(payload, `The payload of event ${show(event)}`);
}

/**
 * Makes rows for events that the driver of a run has received itself.
 * @param rootId - the outermost run that contains it
 * @param store - see `Batch.store`; not called if any of the events can't be stored
 * @throws {StoreError} UNSTORABLE
 */
export function newEventRows(
  { runId, rootId }: EventPlace,
  events: readonly QueuedEvent[],
  codec: Codec,
  store: (text: string) => string,
): NewEvent[] {
  const texts = events.map((event) => encodePayload(event, codec));
  return events.map(({ id, event, sentAt }, i) => {
    const row = { run_id: runId, root_id: rootId, id, event, payload: store(texts[i]), is_unchecked: 0 };
    return { ...row, sent_at: sentAt, for_owner: null };
  });
}

/**
 * Inserts events in order, each with the next number of its run. Skips events that exist. The rows of their runs must
 * be locked.
 */
export async function insertEvents(trx: Kysely<Tables>, rows: readonly NewEvent[]): Promise<void> {
  for (const part of parts(rows, MAX_ROWS)) {
    // Counts the events of each run: the subquery may not see the rows that the same statement inserts.
    const counts = new Map<string, number>();
    const values = part.map((row) => {
      const place = (counts.get(row.run_id) ?? 0) + 1;
      counts.set(row.run_id, place);
      const last = sql`(select max(number) from events where run_id = ${row.run_id})`;
      return { ...row, number: sql<number>`coalesce(${last}, -1) + ${sql.lit(place)}`, taken_at: null };
    });
    const query = trx.insertInto("events").values(values);
    await query.onConflict((conflict) => conflict.columns(["run_id", "id"]).doNothing()).execute();
  }
}

/** Marks events as taken. Their rows are kept, to detect another event with the same key. */
export async function takeEvents(trx: Kysely<Tables>, runId: string, ids: readonly string[]): Promise<void> {
  const taken = { taken_at: timeOfDay(), for_owner: null };
  for (const part of parts(ids, MAX_ROWS)) {
    const query = trx.updateTable("events").set(taken).where("run_id", "=", runId);
    await query.where("id", "in", part).execute();
  }
}

/** The events that a run has not taken, in order. */
export async function untakenEvents(db: Kysely<Tables>, runId: string): Promise<EventRow[]> {
  const query = db.selectFrom("events").selectAll().where("run_id", "=", runId).where("taken_at", "is", null);
  // The driver and a sender, writing at the same time, may have assigned the same number.
  const rows = await query.orderBy("number").orderBy("sent_at").execute();
  return rows.map((row) => checkRow("events", runId, row));
}

/** Marks all events of a run as delivered: its new driver has read them. */
export async function markAllDelivered(trx: Kysely<Tables>, runId: string): Promise<void> {
  const query = trx.updateTable("events").set({ for_owner: null }).where("run_id", "=", runId);
  await query.where("for_owner", "is not", null).execute();
}
