/** The events sent to fsms, as rows of a run. */
import { show } from "../base/check.js";
import { sql, type Kysely } from "kysely";
import type { Codec } from "./codec.js";
import { requireStorable } from "./storable-text.js";
import { checkedRow } from "./rows.js";
import type { EventRow, Tables } from "./schema.js";
import type { QueuedEvent } from "./store.js";
import { timeOfDay } from "./time.js";

/** Rows in one statement. */
export const MAX_ROWS = 50;

/** An event that is not recorded yet, and so has no number. */
export type NewEvent = Omit<EventRow, "number" | "taken_at">;

/** The text of an event's payload. @throws {StoreError} UNSTORABLE, for its name as well */
export function encodePayload({ event, payload }: Pick<QueuedEvent, "event" | "payload">, codec: Codec): string {
  requireStorable("The event", event);
  return codec.encode(payload, `The payload of event ${show(event)}`);
}

/**
 * The rows of events that the driver of a run has.
 * @param keep - what goes into a row for a text; not called when one of the events can't be kept
 * @throws {StoreError} UNSTORABLE
 */
export function newEventRows(
  runId: string,
  events: readonly QueuedEvent[],
  codec: Codec,
  keep: (text: string) => string,
): NewEvent[] {
  const texts = events.map((event) => encodePayload(event, codec));
  return events.map(({ id, event, sentAt }, i) => {
    return { run_id: runId, id, event, payload: keep(texts[i]), sent_at: sentAt, for_owner: null };
  });
}

/**
 * Adds events in their order, each with the next number of its run; those that are there already stay as they are. Their runs'
 * rows have to be locked.
 */
export async function insertEvents(trx: Kysely<Tables>, rows: readonly NewEvent[]): Promise<void> {
  for (let at = 0; at < rows.length; at += MAX_ROWS) {
    // How many of the same run come before: a statement may see the table as it was when it began.
    const ahead = new Map<string, number>();
    const values = rows.slice(at, at + MAX_ROWS).map((row) => {
      const place = (ahead.get(row.run_id) ?? 0) + 1;
      ahead.set(row.run_id, place);
      const last = sql`(select max(number) from fsm_events where run_id = ${row.run_id})`;
      return { ...row, number: sql<number>`coalesce(${last}, -1) + ${sql.lit(place)}`, taken_at: null };
    });
    const query = trx.insertInto("fsm_events").values(values);
    await query.onConflict((conflict) => conflict.columns(["run_id", "id"]).doNothing()).execute();
  }
}

/** Marks events as taken. They stay, so that one of the same key is known to have been sent. */
export async function takeEvents(trx: Kysely<Tables>, runId: string, ids: readonly string[]): Promise<void> {
  const taken = { taken_at: timeOfDay(), for_owner: null };
  for (let at = 0; at < ids.length; at += MAX_ROWS) {
    const query = trx.updateTable("fsm_events").set(taken).where("run_id", "=", runId);
    await query.where("id", "in", ids.slice(at, at + MAX_ROWS)).execute();
  }
}

/** The events that a run has not taken, in order. */
export async function untakenEvents(db: Kysely<Tables>, runId: string): Promise<EventRow[]> {
  const query = db.selectFrom("fsm_events").selectAll().where("run_id", "=", runId).where("taken_at", "is", null);
  // What driver and sender wrote at the same time may have the same number.
  const rows = await query.orderBy("number").orderBy("sent_at").execute();
  return rows.map((row) => checkedRow("fsm_events", runId, row));
}

/** Whoever drives the run from now on has read its events. */
export async function markAllDelivered(trx: Kysely<Tables>, runId: string): Promise<void> {
  const query = trx.updateTable("fsm_events").set({ for_owner: null }).where("run_id", "=", runId);
  await query.where("for_owner", "is not", null).execute();
}
