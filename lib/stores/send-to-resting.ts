import { type RawBuilder, sql } from "kysely";
import type { Database } from "./database/database.js";
import type { EventRow } from "./database/schema.js";
import { RESTS } from "./queue/addressed.js";
import type { SentEvent } from "./store.js";

/** The event as it is recorded. */
type SentRow = Pick<EventRow, "id" | "event" | "payload" | "is_unchecked" | "sent_at">;

/**
 * Records an event for an outermost run at rest that waits for it, and makes the run ready, in one statement: the most
 * common case by far. In any other case, nothing happens; also if the run changes meanwhile, or was sent an event with
 * this id before. Only for databases in which a statement can change several tables.
 * @returns whether the event was recorded
 */
export async function sendToResting(
  { db, clock }: Pick<Database, "db" | "clock">,
  { runId, workflow, kind, nodes }: SentEvent,
  row: SentRow,
): Promise<boolean> {
  const isOfWorkflow = sql.join(
    [
      sql`true`,
      ...(workflow === undefined ? [] : [sql`workflow = ${workflow}`]),
      ...(kind === undefined ? [] : [sql`kind = ${kind}`]),
    ],
    sql` and `,
  );
  // The lock is on the newest row, and all else is read as it was when the statement began. Who claims a run raises its
  // token, so an equal one says that no driver has changed what the run waits for.
  const { rows } = await sql`
    with run as materialized (
        select id, kind, fencing_token from runs where id = ${runId} and ${isOfWorkflow} and ${RESTS} for update skip locked),
      waiting as materialized (
        select id from run where fencing_token = (select fencing_token from runs where id = ${runId})
          and ${isAwaited(row, nodes)}),
      sent as (
        insert into events (run_id, root_id, id, event, payload, is_unchecked, sent_at, number)
        select id, id, ${row.id}, ${row.event}, ${row.payload}, ${row.is_unchecked}, ${row.sent_at}::double precision,
          coalesce((select max(number) from events where run_id = ${runId}), -1) + 1
        from waiting on conflict do nothing returning run_id)
    update runs set ready_at = ${clock} where id in (select run_id from sent) returning id`.execute(db);
  return rows.length > 0;
}

/** Whether a node of a dag, or the last cycle of an fsm, waits for the event. */
function isAwaited({ event, sent_at }: SentRow, nodes: readonly string[] | undefined): RawBuilder<unknown> {
  const isTaker = nodes === undefined ? sql`strpos(node, '.') = 0` : sql`node = any(${nodes}::text[])`;
  // Recorded as `{"events":[["PAID","shipping"]]}`: a quote within a name is escaped there.
  const inWait = `[${JSON.stringify(event)},`;
  return sql`(
    kind = 'dag' and exists (
      select 1 from waits where run_id = run.id and event = ${event} and payload is null and ${isTaker}
        and (until is null or until >= ${sent_at}::double precision))
    or kind = 'fsm' and (
      select strpos(wait, ${inWait}) > 0 from fsm_cycles where run_id = run.id order by cycle desc limit 1))`;
}
