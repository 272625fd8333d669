import { checkNumber, checkOptions, checkType, timeOf } from "../base/check.js";
import type { DatabaseAccess } from "./database-access.js";
import { removeRuns, removeUnusedBlobs } from "./removal.js";
import { timeOfDay } from "./time.js";

/** What is removed: `olderThan` or `keepLast` has to be given. */
export interface PruneOptions {
  /** Runs that ended longer ago than this, in ms; or before this date. */
  readonly olderThan?: number | Date | undefined;
  /** Of each workflow, all but the runs that ended last: so many are kept. */
  readonly keepLast?: number | undefined;
  /** Paused runs are removed like those that are over: they count from when they paused. @defaultValue false: they are kept */
  readonly paused?: boolean | undefined;
}

/** How many runs are removed in one transaction, so that nobody has to wait for long. */
const MAX_RUNS = 100;

const OVER = ["completed", "failed", "cancelled"];

/**
 * Removes runs that are over, oldest first, with all that is recorded of them. Running ones always stay, paused ones unless
 * told otherwise.
 * @returns how many
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export async function prune(options: PruneOptions, access: DatabaseAccess): Promise<number> {
  checkOptions(options, ["olderThan", "keepLast", "paused"], "prune");
  const { olderThan, keepLast, paused } = options;
  const oldest = oldestKept(olderThan);
  checkNumber("keepLast", keepLast, { min: 0, integer: true });
  checkType("paused", paused, "boolean");
  if (olderThan === undefined && keepLast === undefined)
    throw new TypeError('prune takes "olderThan", "keepLast" or both.');
  const statuses = paused === true ? [...OVER, "paused"] : OVER;
  const finished = await access.read(({ db }) =>
    db
      .selectFrom("runs")
      .select(["id", "workflow", "finished_at"])
      .where("status", "in", statuses)
      .orderBy("finished_at", "desc")
      .orderBy("created_at", "desc")
      .orderBy("id", "desc")
      .execute(),
  );
  const seen = new Map<string, number>();
  const doomed = finished.filter(({ workflow, finished_at }) => {
    const newer = seen.get(workflow) ?? 0;
    seen.set(workflow, newer + 1);
    return (finished_at ?? 0) < oldest || newer >= (keepLast ?? Infinity);
  });
  let removed = 0;
  for (let end = doomed.length; end > 0; end -= MAX_RUNS) {
    const ids = doomed.slice(Math.max(0, end - MAX_RUNS), end).map(({ id }) => id);
    removed += await access.transaction<number>(async (trx, database, before = 0) =>
      Math.max(before, await removeRuns(trx, database, ids, statuses)),
    );
  }
  await access.transaction((trx, database) => removeUnusedBlobs(trx, database));
  return removed;
}

/** The time of the oldest end that is kept. */
function oldestKept(olderThan: number | Date | undefined): number {
  if (olderThan === undefined) return -Infinity;
  if (olderThan instanceof Date) return timeOf("olderThan", olderThan);
  checkNumber("olderThan", olderThan, { min: 0, unit: "milliseconds (or a date)" });
  return timeOfDay() - olderThan;
}
