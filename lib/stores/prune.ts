import { checkNumber, checkOptions, integer, timeOf, type OptionName, type Rules } from "../base/check.js";
import type { DatabaseAccess } from "./database/database-access.js";
import { deleteRuns, deleteUnusedBlobs } from "./delete-runs.js";
import { timeOfDay } from "./database/time.js";
import { ENDED } from "./reading/run-summary.js";

/** Which runs to delete. `olderThan`, `keepLast` or both are required. */
export interface PruneOptions {
  /** Deletes runs that ended longer ago than this, in ms, or before this date. */
  readonly olderThan?: number | Date | undefined;
  /** Keeps only this number of runs of each workflow: those that ended last. */
  readonly keepLast?: number | undefined;
  /** Treats paused runs as if they had ended when they paused. @defaultValue false: they are kept */
  readonly paused?: boolean | undefined;
}

/** The maximum number of runs deleted per transaction, to keep locks short. */
const MAX_RUNS = 100;

const RULES: Rules<PruneOptions> = { olderThan: cutoffTime, keepLast: integer(0), paused: "boolean" };

/**
 * Deletes runs that are over, oldest first, with their complete records and the runs inside. Keeps running runs, and paused ones unless
 * `paused` is set.
 * @returns the number of deleted runs
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export async function prune(options: PruneOptions, access: DatabaseAccess): Promise<number> {
  checkOptions(options, RULES, "prune");
  const { olderThan, keepLast, paused } = options;
  const cutoff = olderThan === undefined ? -Infinity : cutoffTime("olderThan", olderThan);
  if (olderThan === undefined && keepLast === undefined)
    throw new TypeError('prune needs "olderThan", "keepLast" or both.');
  const statuses = paused === true ? [...ENDED, "paused"] : ENDED;
  const finished = await access.read(({ db }) =>
    db
      .selectFrom("runs")
      .select(["id", "workflow", "finished_at"])
      .where("status", "in", statuses)
      .where("is_child", "=", 0)
      .orderBy("finished_at", "desc")
      .orderBy("created_at", "desc")
      .orderBy("id", "desc")
      .execute(),
  );
  const counts = new Map<string, number>();
  const expired = finished.filter(({ workflow, finished_at }) => {
    const newer = counts.get(workflow) ?? 0;
    counts.set(workflow, newer + 1);
    return (finished_at ?? 0) < cutoff || newer >= (keepLast ?? Infinity);
  });
  let deleted = 0;
  for (let end = expired.length; end > 0; end -= MAX_RUNS) {
    const ids = expired.slice(Math.max(0, end - MAX_RUNS), end).map(({ id }) => id);
    deleted += await access.transaction<number>(async (trx, database, previous = 0) =>
      Math.max(previous, await deleteRuns(trx, database, ids, statuses)),
    );
  }
  await access.transaction((trx, database) => deleteUnusedBlobs(trx, database));
  return deleted;
}

/** Runs that ended before this time are deleted. */
function cutoffTime(option: string | OptionName, olderThan: number | Date): number {
  if (olderThan instanceof Date) return timeOf(option, olderThan);
  checkNumber(option, olderThan, { min: 0, unit: "milliseconds (or a date)" });
  return timeOfDay() - olderThan;
}
