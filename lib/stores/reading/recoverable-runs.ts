import type { Kysely } from "kysely";
import { append } from "../../base/append.js";
import type { Database } from "../database/database.js";
import { tryParseWait } from "./json-columns.js";
import { parts } from "../database/parts.js";
import { latestCycles } from "./latest-cycles.js";
import type { Leases } from "../leases.js";
import { cachedIsGone } from "../database/owner.js";
import type { EventRow, RunRow, Tables } from "../database/schema.js";
import type { RecoverableRuns, WorkflowKind } from "../store.js";

type FoundRun = Pick<RunRow, "id" | "created_at">;

/**
 * The runs of a workflow that are ready to continue, see `RunStore.recoverable`.
 * @param time - by the clock that all clients of the database share
 */
export async function recoverableRuns(
  { db, clock }: Pick<Database, "db" | "clock">,
  leases: Leases,
  workflow: string,
  kind: WorkflowKind,
  time: number,
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
  free.push(...(await readyRuns(db, workflow, kind, time)));
  free.sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
  return { free: free.map(({ id }) => id), held };
}

/**
 * The waiting and paused runs that are due, or have received an event they wait for, themselves or inside. Events do not
 * end a pause thrown with `PauseRun`: a run that paused between a wait and the next cycle continues with the event it has
 * already taken.
 */
async function readyRuns(db: Kysely<Tables>, workflow: string, kind: string, time: number): Promise<FoundRun[]> {
  const rows = await db
    .selectFrom("runs")
    .select(["id", "created_at", "due_at"])
    .where("workflow", "=", workflow)
    .where("kind", "=", kind)
    .where("is_child", "=", 0)
    .where("status", "in", ["paused", "waiting"])
    .where((eb) => {
      const sent = eb.selectFrom("events").select("id").whereRef("root_id", "=", "runs.id");
      const isSent = eb.exists(sent.where("taken_at", "is", null));
      return eb.or([eb("due_at", "<=", time), eb.and([eb("pauses", "is", null), isSent])]);
    })
    .execute();
  const isDue = ({ due_at }: Pick<RunRow, "due_at">) => (due_at ?? Infinity) <= time;
  const others = rows.filter((run) => !isDue(run)).map(({ id }) => id);
  const addressed = new Set(await addressedRuns(db, others));
  return rows.filter((run) => isDue(run) || addressed.has(run.id));
}

/** Those of the runs that have received an event they wait for, themselves or inside. */
export async function addressedRuns(db: Kysely<Tables>, runIds: readonly string[]): Promise<string[]> {
  const sent = await untakenEvents(db, runIds);
  if (sent.size === 0) return [];
  const receivers = Array.from(
    new Set(Array.from(sent.values()).flatMap((events) => events.map(({ run_id }) => run_id))),
  );
  const cycles = await latestCycles(db, receivers);
  const waits = await awaitedEvents(db, receivers);
  const isAwaited = ({ run_id, event }: UntakenEvent) =>
    waits.get(run_id)?.includes(event) === true || accepts(cycles.get(run_id)?.wait ?? null, event);
  return runIds.filter((id) => sent.get(id)?.some(isAwaited) === true);
}

type UntakenEvent = Pick<EventRow, "run_id" | "event">;

/** Whether the wait of an fsm is for an event. An unreadable wait counts: continuing the run reports the error. */
function accepts(wait: string | null, event: string): boolean {
  if (wait === null) return false;
  const parsed = tryParseWait(wait);
  return parsed === undefined || parsed.events.some(([name]) => name === event);
}

/** The events that runs, and those inside of them, have not taken, by the outermost run. */
async function untakenEvents(db: Kysely<Tables>, rootIds: readonly string[]): Promise<Map<string, UntakenEvent[]>> {
  const events = new Map<string, UntakenEvent[]>();
  for (const part of parts(rootIds)) {
    const query = db
      .selectFrom("events")
      .select(["root_id", "run_id", "event"])
      .distinct()
      .where("taken_at", "is", null);
    const found = await query.where("root_id", "in", part).execute();
    for (const { root_id, run_id, event } of found) append(events, root_id, { run_id, event });
  }
  return events;
}

/** The events that nodes of dags wait for, by run. */
async function awaitedEvents(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, string[]>> {
  const events = new Map<string, string[]>();
  for (const part of parts(runIds)) {
    const query = db.selectFrom("waits").select(["run_id", "event"]).where("payload", "is", null);
    const found = await query.where("run_id", "in", part).execute();
    for (const { run_id, event } of found) if (event !== null) append(events, run_id, event);
  }
  return events;
}
