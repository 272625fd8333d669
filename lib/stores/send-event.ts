import type { Kysely } from "kysely";
import { show } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import { newRunId } from "../base/ids.js";
import { ExecutionError } from "../run/errors.js";
import { noRunInside } from "../run/early-event.js";
import { tooLate } from "../run/late-event.js";
import { Batch } from "./writing/batch.js";
import { writeBlobs } from "./writing/blobs.js";
import type { Codec } from "./values/codec.js";
import { type DatabaseAccess, writeFailed } from "./database/database-access.js";
import type { Database } from "./database/database.js";
import { encodePayload, insertEvents } from "./writing/event-rows.js";
import { readyAddressed, readyResting } from "./queue/addressed.js";
import { requireWorkflow } from "./require-workflow.js";
import { effectiveAttempt } from "./reading/effective-attempt.js";
import { UNFINISHED } from "./reading/run-summary.js";
import { attemptsOf, findAndLockRunRow, kindOf, lockRunRow, rootOf, waitRows } from "./reading/run-rows.js";
import type { AttemptRow, EventRow, RunRow, Tables, WaitRow } from "./database/schema.js";
import { sendToResting } from "./send-to-resting.js";
import { isStorable, requireKey } from "./values/storable-text.js";
import type { SentEvent } from "./store.js";

/** The driver of the run that an event was sent to, and the runs at rest that are ready to continue now. */
interface SentTo {
  readonly owner: string | null;
  readonly ready: readonly string[];
}

/**
 * Records an event for a run, whichever process drives it, unless one with the same key is recorded already. Resolves
 * after the commit.
 *
 * The event is numbered under the lock of the run's row, so that a reader that sees an event has seen all events before
 * it. An event for a run inside may come before that run exists, which then finds it.
 * @throws {StoreError} UNSTORABLE, NOT_FOUND, RUN_ENDED; {ValidationError} for a run of another workflow;
 *   {ExecutionError} when no node takes the event any more
 */
export async function sendEvent(access: DatabaseAccess, sent: SentEvent, codec: Codec): Promise<SentTo> {
  const { runId, event, key } = sent;
  const batch = new Batch();
  const text = batch.store(encodePayload(sent, codec));
  if (key !== undefined) requireKey("The key", key);
  // Fixed before the first attempt, so that a retry does not record the event twice.
  const id = key === undefined ? newRunId() : `key:${key}`;
  const is_unchecked = sent.isUnchecked === true ? 1 : 0;
  const row = { id, event, payload: text, is_unchecked };
  let tries = 0;
  if ((sent.way ?? []).length === 0 && batch.blobs.size === 0) {
    const isSent = await access.retry(async (database) => {
      if (!database.hasRowLocks || !isStorable(runId)) return false;
      tries++;
      return sendToResting(database, sent, { ...row, sent_at: access.clock.now() });
    }, writeFailed);
    if (isSent) return { owner: null, ready: [runId] };
  }
  return access.transaction<SentTo>(async (trx, database: Database, previous) => {
    const run = await lockRunRow(trx, database, runId);
    const { workflow = run.workflow, kind } = sent;
    requireWorkflow(runId, { workflow: run.workflow, kind: kindOf(run) }, { workflow, kind });
    const way = await currentWay(trx, run, sent);
    const target = [runId, ...way].join("/");
    const inside = way.length === 0 ? run : await findAndLockRunRow(trx, database, target);
    // An attempt without an answer may have been executed.
    const mayExist = key !== undefined || previous !== undefined || tries > 1;
    if (mayExist && (await isRecorded(trx, target, id))) return previous ?? { owner: null, ready: [] };
    if (!UNFINISHED.includes(run.status)) throw runEnded(run, event);
    const isAwaited = await requireTaker(trx, { ...sent, way }, inside, access.clock.now());
    const owner = inside?.owner ?? run.owner;
    const place = { run_id: target, root_id: await rootOf(trx, run) };
    await insertEvents(trx, [{ ...place, ...row, sent_at: access.clock.now(), for_owner: owner }]);
    await writeBlobs(trx, place.root_id, batch.blobs);
    return { owner, ready: run.owner === null ? await ready(trx, database, place, isAwaited) : [] };
  });
}

/**
 * The way to a run inside, in which the name of a state is replaced by the run that it began last: `check.2` for
 * `check`.
 * @throws {ExecutionError} when a state has begun none
 */
async function currentWay(db: Kysely<Tables>, run: RunRow, { way = [], event }: SentEvent): Promise<readonly string[]> {
  const found: string[] = [];
  let outer: Pick<RunRow, "id" | "kind"> | undefined = run;
  for (const key of way) {
    const name: string = outer?.kind === "fsm" ? await latestRunOf(db, outer.id, key, event) : key;
    found.push(name);
    if (outer === undefined) continue;
    const query = db.selectFrom("runs").select(["id", "kind"]);
    outer = await query.where("id", "=", `${outer.id}/${name}`).executeTakeFirst();
  }
  return found;
}

async function latestRunOf(db: Kysely<Tables>, runId: string, state: string, event: string): Promise<string> {
  const query = db.selectFrom("runs").select("id").where("parent_run_id", "=", runId).where("is_child", "=", 1);
  const keys = (await query.execute()).map(({ id }) => id.slice(runId.length + 1));
  if (keys.includes(state)) return state;
  const cycles = keys.filter((key) => key.startsWith(`${state}.`)).map((key) => Number(key.slice(state.length + 1)));
  const latest = Math.max(...cycles.filter(Number.isInteger));
  if (latest >= 0) return `${state}.${latest}`;
  throw noRunInside(runId, state, event);
}

/** Makes the outermost run ready, if it is at rest and waits for the event. */
async function ready(
  trx: Kysely<Tables>,
  database: Database,
  { run_id, root_id }: Pick<EventRow, "run_id" | "root_id">,
  isAwaited: boolean,
): Promise<string[]> {
  const found = isAwaited && run_id === root_id ? readyResting : readyAddressed;
  return found(trx, database, [root_id]);
}

async function isRecorded(db: Kysely<Tables>, runId: string, id: string): Promise<boolean> {
  const query = db.selectFrom("events").select("id").where("run_id", "=", runId).where("id", "=", id);
  return (await query.executeTakeFirst()) !== undefined;
}

/** The node of a run inside, from its key: `thumb` for `thumb[3]`. */
function nodeOf(key: string): string {
  return key.split("[", 1)[0];
}

/**
 * Whether a node is known to wait for the event now. If a run inside has yet to begin, or has failed and may be
 * retried, the node that contains it decides.
 * @param inside - the run that takes it, if it exists
 * @throws {ExecutionError} when all nodes that take it are over, have received their event, or have waited too long;
 *   {StoreError} RUN_ENDED when a run inside has ended and is not retried
 */
async function requireTaker(
  db: Kysely<Tables>,
  { runId, way = [], nodes, event }: SentEvent,
  inside: RunRow | undefined,
  time: number,
): Promise<boolean> {
  const isOpen = inside !== undefined && UNFINISHED.includes(inside.status);
  if (isOpen && nodes === undefined) return false;
  const depth = isOpen ? way.length : await openLevels(db, runId, way);
  const place = [runId, ...way.slice(0, depth)].join("/");
  const takers = isOpen ? (nodes as readonly string[]) : [nodeOf(way[depth])];
  const { taker, late } = await takerAmong(db, place, takers, event, time);
  if (taker !== undefined) return taker.waits;
  if (!isOpen && inside !== undefined) throw runEnded(inside, event);
  throw new ExecutionError(tooLate(event, takers, late), { runId: place });
}

/** How many of the runs on the way exist and are unfinished, from the outermost inwards. */
async function openLevels(db: Kysely<Tables>, runId: string, way: readonly string[]): Promise<number> {
  const ids = way.map((_, i) => [runId, ...way.slice(0, i + 1)].join("/"));
  const rows = await db
    .selectFrom("runs")
    .select("id")
    .where("id", "in", ids)
    .where("status", "in", UNFINISHED)
    .execute();
  const open = new Set(rows.map(({ id }) => id));
  return ids.findIndex((id) => !open.has(id));
}

/** The statuses of nodes that no longer take events. */
const OVER = ["completed", "copied", "failed", "skipped", "cancelled"];

/** The first of the nodes that may still take an event, and those that have waited too long. */
async function takerAmong(
  db: Kysely<Tables>,
  runId: string,
  nodes: readonly string[],
  event: string,
  time: number,
): Promise<{ readonly taker: { readonly waits: boolean } | undefined; readonly late: readonly string[] }> {
  const waits = new Map((await waitRows(db, runId)).map((row) => [row.node, row]));
  const late: string[] = [];
  for (const node of nodes) {
    const wait = waits.get(node);
    const isOpen = wait?.event === event && wait.payload === null;
    const isLate = isOpen && (wait.until ?? Infinity) < time;
    if (isOpen && !isLate) return { taker: { waits: true }, late };
    const isOver = isOverNode(await attemptsOf(db, runId, node), wait);
    const hasIt = wait !== undefined && wait.payload !== null;
    if (!isOver && !hasIt && !isLate) return { taker: { waits: false }, late };
    if (isLate && !isOver) late.push(node);
  }
  return { taker: undefined, late };
}

function isOverNode(attempts: readonly AttemptRow[], wait: WaitRow | undefined): boolean {
  if (attempts.length === 0) return false;
  const { status, attempt } = effectiveAttempt(attempts);
  // A failed node may be retried, unless its record says that it no longer waits.
  const isFinal =
    status !== "failed" || attempt === 0 || (wait !== undefined && wait.event === null && wait.until === null);
  return isFinal && OVER.includes(status);
}

function runEnded({ id, status }: Pick<RunRow, "id" | "status">, event: string): StoreError {
  const remedy = status === "completed" ? "Send it to another run." : "Resume the run, then send it again.";
  return new StoreError(
    `Run ${show(id)} has ended as ${status} and accepts no event ${show(event)}. ${remedy}`,
    "RUN_ENDED",
  );
}
