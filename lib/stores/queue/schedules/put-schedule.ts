import type { Kysely } from "kysely";
import { firstTime, isSameTimetable, timetableOf } from "../../../timetables/schedule-definition.js";
import type { Database } from "../../database/database.js";
import { forUpdate } from "../../database/row-locks.js";
import type { ScheduleRow, Tables } from "../../database/schema.js";
import { definitionIn, definitionText, nextColumns } from "./schedule-rows.js";
import type { NewSchedule } from "./schedules.js";

type Locking = Pick<Database, "hasRowLocks">;

/**
 * Records a schedule in the caller's transaction, see `Schedules.put`.
 * @param values - the values of its runs, encoded
 * @param now - by the database's clock
 */
export async function putSchedule(
  trx: Kysely<Tables>,
  database: Locking,
  schedule: NewSchedule,
  values: Pick<ScheduleRow, "inputs" | "metadata">,
  now: number,
): Promise<void> {
  const { name, workflow, kind = null, definition, priority } = schedule;
  const written = { workflow, kind, definition: definitionText(definition), ...values, priority, updated_at: now };
  const first = nextColumns(schedule, now, firstTime(definition, now, now));
  const row = { name, ...written, ...first, first_at: now, last_at: null, paused: 0 };
  const inserted = await trx
    .insertInto("schedules")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning("name")
    .executeTakeFirst();
  if (inserted !== undefined) return;
  const existing = await findSchedule(trx, database, name);
  // It was removed meanwhile.
  if (existing === undefined) return putSchedule(trx, database, schedule, values, now);
  const columns = ["workflow", "kind", "definition", "inputs", "metadata", "priority"] as const;
  if (columns.every((column) => existing[column] === written[column])) return;
  const next = { ...written, ...nextColumns(schedule, existing.first_at, nextTime(existing, schedule, now)) };
  await trx.updateTable("schedules").set(next).where("name", "=", name).execute();
}

/** The schedule of this name, locked. */
export function findSchedule(trx: Kysely<Tables>, database: Locking, name: string): Promise<ScheduleRow | undefined> {
  const query = trx.selectFrom("schedules").selectAll().where("name", "=", name);
  return query.modifyEnd(forUpdate(database)).executeTakeFirst();
}

/** The next time after a change of the definition. If the times are the same, missed runs are still made up for. */
function nextTime(existing: ScheduleRow, { definition }: NewSchedule, now: number): number | undefined {
  if (existing.paused === 1) return undefined;
  if (hasSameTimes(existing, definition)) return existing.next_at ?? undefined;
  return firstTime(definition, existing.first_at, now);
}

function hasSameTimes(existing: ScheduleRow, definition: NewSchedule["definition"]): boolean {
  try {
    return isSameTimetable(definitionIn(existing), definition);
  } catch {
    return false; // A schedule that can't be read is replaced.
  }
}

/** The columns of a schedule that is resumed. @throws {StoreError} STORE when it can't be read */
export function columnsAfterPause({ name, first_at: first, ...row }: ScheduleRow, now: number) {
  const definition = definitionIn({ ...row, name });
  return nextColumns({ name, definition }, first, timetableOf(definition, first).after(now));
}
