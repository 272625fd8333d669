import type { Kysely } from "kysely";
import { append } from "../../base/append.js";
import type { Database } from "../database/database.js";
import { tryParseWait } from "./json-columns.js";
import { latestCycles, MAX_RUNS } from "./latest-cycles.js";
import type { Leases } from "../leases.js";
import { cachedIsGone } from "../database/owner.js";
import type { RunRow, Tables } from "../database/schema.js";
import type { RecoverableRuns, WorkflowKind } from "../store.js";
import { timeOfDay } from "../database/time.js";

type FoundRun = Pick<RunRow, "id" | "created_at">;

/** The runs of a workflow that are ready to continue, see `RunStore.recoverable`. */
export async function recoverableRuns(
  { db, clock }: Pick<Database, "db" | "clock">,
  leases: Leases,
  workflow: string,
  kind: WorkflowKind,
): Promise<RecoverableRuns> {
  const running = await db
    .selectFrom("runs")
    .select(["id", "created_at", "owner", "lease_expires_at", clock.as("clock")])
    .where("workflow", "=", workflow)
    .where("kind", "=", kind)
    .where("is_child", "=", 0)
    .where("status", "=", "running")
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  const isGone = cachedIsGone();
  const free: FoundRun[] = [];
  const held: string[] = [];
  for (const row of running) {
    if (leases.isFree(row, isGone)) free.push(row);
    else if (row.owner !== leases.owner) held.push(row.id);
  }
  free.push(...(await readyRuns(db, workflow, kind)));
  free.sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
  return { free: free.map(({ id }) => id), held };
}

/**
 * The paused runs that are due or have received an event they wait for. Events do not end a pause thrown with
 * `PauseRun`: a run that paused between a wait and the next cycle continues with the event it has already taken.
 */
async function readyRuns(db: Kysely<Tables>, workflow: string, kind: string): Promise<FoundRun[]> {
  const time = timeOfDay();
  const rows = await db
    .selectFrom("runs")
    .select(["id", "created_at", "due_at"])
    .where("workflow", "=", workflow)
    .where("kind", "=", kind)
    .where("is_child", "=", 0)
    .where("status", "=", "paused")
    .where((eb) => {
      const sent = eb.selectFrom("fsm_events").select("id").whereRef("run_id", "=", "runs.id");
      const isSent = eb.exists(sent.where("taken_at", "is", null));
      return eb.or([eb("due_at", "<=", time), eb.and([eb("pauses", "is", null), isSent])]);
    })
    .execute();
  const isDue = ({ due_at }: Pick<RunRow, "due_at">) => (due_at ?? Infinity) <= time;
  const waiting = rows.filter((run) => !isDue(run)).map(({ id }) => id);
  const cycles = await latestCycles(db, waiting);
  const sent = await untakenEventNames(db, waiting);
  return rows.filter((run) => isDue(run) || isAwaited(cycles.get(run.id)?.wait ?? null, sent.get(run.id) ?? []));
}

/** Whether a wait is for one of the events. An unreadable wait counts: continuing the run reports the error. */
function isAwaited(wait: string | null, events: readonly string[]): boolean {
  if (wait === null) return false;
  const parsed = tryParseWait(wait);
  return parsed === undefined || parsed.events.some(([event]) => events.includes(event));
}

/** The names of the events that runs have not taken, by run id. */
async function untakenEventNames(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>();
  for (let at = 0; at < runIds.length; at += MAX_RUNS) {
    const query = db.selectFrom("fsm_events").select(["run_id", "event"]).distinct().where("taken_at", "is", null);
    const found = await query.where("run_id", "in", runIds.slice(at, at + MAX_RUNS)).execute();
    for (const { run_id, event } of found) append(names, run_id, event);
  }
  return names;
}
