/** The runs of schedules. A run that waits for earlier ones of its schedule is held: queued, without a time. */
import { type Kysely, sql } from "kysely";
import type { Database } from "../../database/database.js";
import { forUpdateInOrder, inList } from "../../database/row-locks.js";
import type { ScheduleRow, Tables } from "../../database/schema.js";
import type { WorkflowKind } from "../../store.js";
import { UNFINISHED } from "../../reading/run-summary.js";
import { Batch } from "../../writing/batch.js";
import { writeBlobs } from "../../writing/blobs.js";
import type { LogHost } from "../../writing/run-log.js";
import { submittedRow } from "../submit.js";

/** A run to submit. */
export interface ScheduledRun {
  /** Its nominal time. */
  readonly time: number;
  readonly isHeld: boolean;
}

type Locking = Pick<Database, "hasRowLocks">;

/** Must match the condition of the index `runs_held`. */
const IS_HELD = sql`schedule is not null and status = 'queued' and owner is null and ready_at is null and due_at is null`;

export function scheduledRunId(schedule: string, time: number): string {
  return `${schedule}@${new Date(time).toISOString()}`;
}

/** The schedules that have an unfinished run. */
export async function busySchedules(
  trx: Kysely<Tables>,
  database: Locking,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ schedule: string }>`
    select distinct schedule from runs
    where schedule ${inList(names, database)} and status ${inList(UNFINISHED, database)}`.execute(trx);
  return new Set(rows.map(({ schedule }) => schedule));
}

/** Records a run, unless this schedule already has one for this time. @returns its id, if it was recorded */
export async function insertRun(
  trx: Kysely<Tables>,
  { clock }: Pick<Database, "clock">,
  host: LogHost,
  { name, workflow, kind, inputs, metadata, priority }: ScheduleRow,
  { time, isHeld }: ScheduledRun,
): Promise<string | undefined> {
  const runId = scheduledRunId(name, time);
  const batch = new Batch();
  // It gets the version of the workflow that is current when it begins.
  const ofKind = kind === null ? undefined : (kind as WorkflowKind);
  const submission = { runId, workflow, kind: ofKind, structure: undefined, inputs: {}, priority, schedule: name };
  const row = {
    ...submittedRow(submission, batch, host),
    inputs: batch.store(inputs),
    metadata: metadata === null ? null : batch.store(metadata),
  };
  const inserted = await trx
    .insertInto("runs")
    .values({ ...row, created_at: clock, updated_at: clock, due_at: null, ready_at: isHeld ? null : time })
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  if (inserted === undefined) return undefined;
  await writeBlobs(trx, runId, batch.blobs);
  return runId;
}

/** A condition: some run is held. */
export const anyHeldRun = sql`exists (select 1 from runs where ${IS_HELD})`;

/**
 * Lets the first held run of each schedule without other unfinished runs begin. Cost: the number of held runs.
 * @returns these runs
 */
export async function releaseHeldRuns(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update runs set ready_at = ${database.clock} where id in (
      select id from runs as held where ${IS_HELD}
        and id = (select min(id) from runs where schedule = held.schedule and ${IS_HELD})
        and not exists (
          select id from runs where schedule = held.schedule and status ${inList(UNFINISHED, database)}
            and not (${IS_HELD}))
      ${forUpdateInOrder(database)})
    returning id`.execute(trx);
  return rows.map(({ id }) => id);
}
