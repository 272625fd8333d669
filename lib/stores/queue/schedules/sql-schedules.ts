import { type Kysely, sql } from "kysely";
import type { Database } from "../../database/database.js";
import type { ScheduleRow, Tables } from "../../database/schema.js";
import { findRunRow } from "../../reading/run-rows.js";
import { requireKey } from "../../values/storable-text.js";
import { fireSchedules } from "./fire-schedules.js";
import { columnsAfterPause, findSchedule, putSchedule } from "./put-schedule.js";
import { type OutlookColumns, outlookColumns, outlookOf } from "./outlook.js";
import { NO_NEXT, noSchedule, recordedSchedule } from "./schedule-rows.js";
import { insertRun, releaseHeldRuns } from "./scheduled-runs.js";
import type { SchedulesHost } from "./schedules-host.js";
import type { Fired, NewSchedule, RecordedSchedule, Schedules } from "./schedules.js";

/** The maximum length of a name, in bytes: followed by a time, it is the id of a run. */
const MAX_NAME_BYTES = 480;

type Trx = Kysely<Tables>;

type Work<T> = (trx: Trx, database: Database, previous?: T) => Promise<T>;

/** The schedules of a SQL store. */
export class SqlSchedules implements Schedules {
  constructor(private readonly host: SchedulesHost) {}

  async put(schedule: NewSchedule): Promise<void> {
    requireKey("The schedule's name", schedule.name, MAX_NAME_BYTES);
    requireKey("The workflow's name", schedule.workflow);
    const { codec } = this.host.logHost;
    const { inputs, metadata } = schedule;
    const values = {
      inputs: codec.encode({ ...inputs }, "The inputs"),
      metadata: metadata === undefined ? null : codec.encode({ ...metadata }, "The metadata"),
    };
    await this.write(async (trx, database) =>
      putSchedule(trx, database, schedule, values, await timeOf(trx, database)),
    );
  }

  async remove(name: string): Promise<void> {
    await this.write<boolean>(async (trx, _, wasThere = false) => {
      const { numDeletedRows } = await trx.deleteFrom("schedules").where("name", "=", name).executeTakeFirst();
      if (numDeletedRows === 0n && !wasThere) throw noSchedule(name);
      return true;
    });
  }

  list(): Promise<readonly RecordedSchedule[]> {
    const { access } = this.host;
    return access.run(() =>
      access.read(async ({ db }) =>
        (await db.selectFrom("schedules").selectAll().orderBy("name").execute()).map((row) =>
          recordedSchedule(row, this.host),
        ),
      ),
    );
  }

  async setPaused(name: string, isPaused: boolean): Promise<void> {
    await this.write(async (trx, database) => {
      const row = await requireSchedule(trx, database, name);
      if ((row.paused === 1) === isPaused) return;
      const columns = isPaused ? NO_NEXT : columnsAfterPause(row, await timeOf(trx, database));
      const paused = isPaused ? 1 : 0;
      await trx
        .updateTable("schedules")
        .set({ paused, ...columns })
        .where("name", "=", name)
        .execute();
    });
  }

  async trigger(name: string): Promise<string> {
    const runId = await this.transaction<string>(async (trx, database, submitted) => {
      const row = await requireSchedule(trx, database, name);
      if (submitted !== undefined && (await findRunRow(trx, submitted)) !== undefined) return submitted;
      let time = await timeOf(trx, database);
      for (;;) {
        const inserted = await insertRun(trx, database, this.host.logHost, row, { time: time++, isHeld: false });
        if (inserted !== undefined) return inserted;
      }
    });
    this.host.wake("ready", [runId]);
    return runId;
  }

  async fire(watchedFor: number): Promise<Fired> {
    const { access, wake, outlook } = this.host;
    return access.run(async () => {
      const { nextIn, hasHeld } = outlook.take() ?? (await this.outlook());
      const isDue = nextIn !== undefined && nextIn <= 0;
      if (!isDue && !hasHeld) return { nextIn, hasHeld };
      const fired = isDue ? await this.fireAllDue(watchedFor) : [];
      const ready = fired.concat(await access.transaction(releaseHeldRuns));
      if (ready.length > 0) wake("ready", ready);
      return this.outlook();
    });
  }

  private async fireAllDue(watchedFor: number): Promise<string[]> {
    const { access } = this.host;
    const all: string[] = [];
    for (;;) {
      const step = await access.transaction((trx, database) => fireSchedules(trx, database, this.host, watchedFor));
      all.push(...step.fired);
      if (!step.isPartial) return all;
    }
  }

  private outlook(): Promise<Fired> {
    return this.host.access.read(async ({ db, clock }) => {
      const { rows } = await sql<OutlookColumns>`select ${outlookColumns({ clock })}`.execute(db);
      return outlookOf(rows[0]);
    });
  }

  /** Changes schedules. */
  private async write<T>(work: Work<T>): Promise<T> {
    const result = await this.transaction(work);
    this.host.wake("scheduled");
    return result;
  }

  private transaction<T>(work: Work<T>): Promise<T> {
    const { access } = this.host;
    return access.run(() => access.transaction(work));
  }
}

/** The current time, in whole ms. */
async function timeOf(trx: Trx, { clock }: Pick<Database, "clock">): Promise<number> {
  const { rows } = await sql<{ now: number }>`select ${clock} as now`.execute(trx);
  return Math.floor(rows[0].now);
}

async function requireSchedule(trx: Trx, database: Database, name: string): Promise<ScheduleRow> {
  const row = await findSchedule(trx, database, name);
  if (row === undefined) throw noSchedule(name);
  return row;
}
