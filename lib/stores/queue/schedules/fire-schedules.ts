import { type Kysely, sql } from "kysely";
import { show } from "../../../base/check.js";
import { asSentence, messageOf } from "../../../base/message.js";
import { warn } from "../../../base/warning.js";
import { firingAt } from "../../../timetables/firing.js";
import { timetableOf } from "../../../timetables/schedule-definition.js";
import type { Database } from "../../database/database.js";
import { skipLocked } from "../../database/row-locks.js";
import type { ScheduleRow, Tables } from "../../database/schema.js";
import { cancelRuns } from "./cancel-runs.js";
import { definitionIn, nextColumns } from "./schedule-rows.js";
import type { SchedulesHost } from "./schedules-host.js";
import { busySchedules, insertRun, scheduledRunId, type ScheduledRun } from "./scheduled-runs.js";

/** The maximum number of schedules that one transaction fires. */
const MAX_SCHEDULES = 50;

/** How long to wait before looking again at a schedule that can't be read, in ms. */
const UNREADABLE_DELAY = 60_000;

/** What a due schedule submits, and the columns for its next run. */
interface Decision {
  readonly row: ScheduleRow;
  readonly runs: readonly ScheduledRun[];
  readonly cancelsEarlier: boolean;
  readonly columns: Partial<ScheduleRow>;
}

/**
 * Submits the runs of the first schedules that are due, in the caller's transaction: its commit submits them and moves
 * the schedules on, or does neither. Schedules that another client is firing are skipped.
 * @param watchedFor - see `Schedules.fire`
 */
export async function fireSchedules(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  host: Pick<SchedulesHost, "leases" | "logHost">,
  watchedFor: number,
): Promise<{ readonly fired: readonly string[]; readonly isPartial: boolean }> {
  const { clock } = database;
  const { rows } = await sql<ScheduleRow & { now: number }>`
    select schedules.*, ${clock} as now from schedules where due_at <= ${clock} order by due_at limit ${MAX_SCHEDULES}
    ${skipLocked(database)}`.execute(trx);
  if (rows.length === 0) return { fired: [], isPartial: false };
  const [{ now }] = rows;
  const busy = await busySchedules(
    trx,
    database,
    rows.map(({ name }) => name),
  );
  const decisions = rows.map((row) => decide(row, Math.floor(now), busy.has(row.name), watchedFor));
  // Runs are locked before blobs, and in order.
  const cancelling = decisions.filter(({ cancelsEarlier }) => cancelsEarlier).map(({ row }) => row.name);
  if (cancelling.length > 0) await cancelRuns(trx, database, host, cancelling);
  const fired: string[] = [];
  for (const { row, runs, columns } of decisions) {
    for (const run of runs) {
      const runId = await insertRun(trx, database, host.logHost, row, run);
      if (runId === undefined) await warnOfOther(trx, row, run);
      else fired.push(runId);
    }
    await trx.updateTable("schedules").set(columns).where("name", "=", row.name).execute();
  }
  return { fired, isPartial: rows.length === MAX_SCHEDULES };
}

/** Warns of a run that has the id of a schedule's run but belongs to somebody else, so the schedule's does not run. */
async function warnOfOther(trx: Kysely<Tables>, { name }: ScheduleRow, { time }: ScheduledRun): Promise<void> {
  const runId = scheduledRunId(name, time);
  const query = trx.selectFrom("runs").select("schedule").where("id", "=", runId);
  if ((await query.executeTakeFirst())?.schedule === name) return;
  const message = `The schedule ${show(name)} submits no run for this time: there is another one with the id ${show(runId)}. Give that one another id.`;
  warn(message, "DagwrightScheduleWarning");
}

function decide(row: ScheduleRow, now: number, isBusy: boolean, watchedFor: number): Decision {
  try {
    const definition = definitionIn(row);
    const timetable = timetableOf(definition, row.first_at);
    const { name } = row;
    const state = { name, definition, timetable, isBusy, next: row.next_at ?? now };
    const { times, next } = firingAt(now, state, now - watchedFor);
    const last = times.length > 0 ? { last_at: times[times.length - 1] } : {};
    const isHeld = definition.overlap !== "allow";
    return {
      row,
      runs: times.map((time) => ({ time, isHeld })),
      cancelsEarlier: definition.overlap === "cancel" && isBusy && times.length > 0,
      columns: { ...nextColumns({ name, definition }, row.first_at, next), ...last },
    };
  } catch (error) {
    // It must not hold up the others.
    warn(`${asSentence(messageOf(error))} Until then, it submits no runs.`, "DagwrightScheduleWarning");
    return { row, runs: [], cancelsEarlier: false, columns: { due_at: now + UNREADABLE_DELAY } };
  }
}
