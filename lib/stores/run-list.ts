import type { Kysely } from "kysely";
import { checkNumber, checkOneOf, checkOptions, timeOf } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import type { Pause } from "../run/pause.js";
import type { RunStatus } from "../run/status.js";
import { blobHash } from "./batch.js";
import { Codec } from "./codec.js";
import { withJson } from "../base/json.js";
import { checkedCycle, latestCycles, tryParseWait, type LatestCycle } from "./latest-cycles.js";
import { isStorable } from "./storable-text.js";
import { pausesIn } from "./pauses.js";
import type { Redaction } from "./redaction.js";
import { checkedRow } from "./rows.js";
import type { RunRow, Tables } from "./schema.js";
import type { WorkflowKind } from "./store.js";
import { ColumnDecoder } from "./column-decoder.js";

export interface RunFilter {
  readonly workflow?: string | undefined;
  readonly status?: RunSummary["status"] | undefined;
  /** Runs that began at or after this time: a date, or ms since 1970. */
  readonly since?: number | Date | undefined;
  /** How many runs to give at most. @defaultValue 50 */
  readonly limit?: number | undefined;
  /** The `cursor` of the page before. */
  readonly cursor?: string | undefined;
}

/** A run, without what is in it. All times are whole ms since 1970. */
export interface RunSummary {
  readonly runId: string;
  readonly workflow: string;
  readonly kind: WorkflowKind;
  readonly status: "running" | RunStatus;
  /** The run that this one is a replay of, and the first node that it computed anew. */
  readonly parentRunId: string | undefined;
  readonly parentNode: string | undefined;
  readonly createdAt: number;
  /** When it ended, or paused. */
  readonly finishedAt: number | undefined;
  /** What its nodes shared, as of its last write; undefined in a list where it can't be read. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** Why it is paused, as its first pause says, or an fsm that waits for events. */
  readonly pauseReason: string | undefined;
  /** What each of the nodes that paused it says; in a list without data of more than a million characters. */
  readonly pauses: readonly Pause[];
  /** Of an fsm: the state that it is in. */
  readonly currentState: string | undefined;
  /** Of a run that is not over: what it goes on with. */
  readonly waitingFor: WaitingFor | undefined;
}

/** What a run waits for. */
export interface WaitingFor {
  /** The names of the events that an fsm takes now. */
  readonly events: readonly string[];
  /** When it goes on without. */
  readonly until: number | undefined;
}

/** A page of runs, the newest first; with `cursor`, there are more. */
export interface RunPage {
  readonly runs: readonly RunSummary[];
  /** The runs of the page whose rows nobody wrote like this. They count towards `limit`, and can be removed. */
  readonly unreadable: readonly UnreadableRun[];
  readonly cursor?: string;
}

export interface UnreadableRun {
  readonly runId: string;
  /** Says what is wrong with it, and in which column. */
  readonly error: StoreError;
}

const DEFAULT_LIMIT = 50;
const STATUSES: readonly RunSummary["status"][] = ["running", "completed", "failed", "cancelled", "paused"];

/** What a summary is made of. */
const SUMMARY_COLUMNS = [
  "id",
  "workflow",
  "kind",
  "status",
  "parent_run_id",
  "parent_node",
  "created_at",
  "finished_at",
  "metadata",
  "pause_reason",
  "pauses",
  "due_at",
] as const satisfies readonly (keyof RunRow)[];

export type SummaryRow = Pick<RunRow, (typeof SUMMARY_COLUMNS)[number]>;

/**
 * A page of runs. Cost: a statement for the runs, one for the states that fsms are in, and one for each long text.
 * @throws {TypeError} | {RangeError} for a status, a limit, a time or a cursor that is none
 */
export async function listRuns(
  db: Kysely<Tables>,
  filter: RunFilter,
  codec: Codec,
  redaction: Redaction,
): Promise<RunPage> {
  const { workflow, status, since, limit = DEFAULT_LIMIT, cursor } = filter;
  checkOptions(filter, ["workflow", "status", "since", "limit", "cursor"], "listRuns");
  checkOneOf("status", status, STATUSES);
  checkNumber("limit", limit, { min: 1, integer: true });
  if (workflow !== undefined && !isStorable(workflow)) return pageOf([], []);
  let query = db.selectFrom("runs").select(SUMMARY_COLUMNS);
  if (workflow !== undefined) query = query.where("workflow", "=", workflow);
  if (status !== undefined) query = query.where("status", "=", status);
  if (since !== undefined) query = query.where("created_at", ">=", timeOf("since", since));
  if (cursor !== undefined) {
    const [at, id] = read(cursor);
    query = query.where((eb) =>
      eb.or([eb("created_at", "<", at), eb.and([eb("created_at", "=", at), eb("id", "<", id)])]),
    );
  }
  const rows = await query
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(Math.min(limit, Number.MAX_SAFE_INTEGER - 1) + 1)
    .execute();
  const shown = rows.slice(0, limit);
  const cycles = await latestCycles(
    db,
    shown.filter(({ kind }) => kind === "fsm").map(({ id }) => id),
  );
  const runs: RunSummary[] = [];
  const unreadable: UnreadableRun[] = [];
  for (const row of shown) {
    try {
      runs.push(await summaryIn(db, row, cycles.get(row.id), codec, redaction));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      unreadable.push(withJson({ runId: row.id, error: withJson(error) }));
    }
  }
  return pageOf(runs, unreadable, rows.length > limit ? rows[limit - 1] : undefined);
}

/** @throws {StoreError} STORE when the row, or the cycle, is not as a store writes it */
async function summaryIn(
  db: Kysely<Tables>,
  row: SummaryRow,
  cycle: LatestCycle | undefined,
  codec: Codec,
  redaction: Redaction,
): Promise<RunSummary> {
  checkedRow("runs", row.id, row);
  if (cycle !== undefined) checkedCycle(row.id, cycle);
  const texts = new ColumnDecoder(codec, row.id, undefined, withJson);
  texts.register("runs", row, "metadata");
  await texts.fetchBlobs(db);
  const metadata = ifReadable(() => metadataIn(row, texts, redaction));
  // What is kept apart is long.
  const dataOf = (text: string, node: string) =>
    blobHash(text) === undefined ? redaction.apply(node, texts.value(text)) : undefined;
  const pauses = ifReadable(() => pausesIn(row, dataOf)) ?? [];
  return withJson(summaryOf(row, cycle, metadata, pauses));
}

/** @param last - the run that the next page comes after, if there is one */
function pageOf(runs: RunSummary[], unreadable: UnreadableRun[], last?: SummaryRow): RunPage {
  const page = { runs: withJson(runs), unreadable: withJson(unreadable) };
  if (last === undefined) return withJson(page);
  // Blobs, which some packages read as what they can't write.
  const place = [last.created_at, last.id].map((value: unknown) =>
    value instanceof ArrayBuffer ? Buffer.from(value) : value,
  );
  const cursor = Buffer.from(CURSORS.encode(place)).toString("base64url");
  return withJson({ ...page, cursor });
}

/** What only whoever recorded it can read, as instances of classes of theirs, is no reason not to show the rest of a run. */
function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

/** Writes what rows are ordered by, whatever somebody put there. */
const CURSORS = new Codec();

function read(cursor: string): [at: number, id: string] {
  try {
    const place = CURSORS.decode(Buffer.from(cursor, "base64url").toString()) as [at: number, id: string];
    if (Array.isArray(place) && place.length === 2 && place.every(isInColumn)) return place;
  } catch {
    // It is no cursor, either.
  }
  throw new TypeError('"cursor" must be the cursor of a page that listRuns gave; this is none.');
}

function isInColumn(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" ? isStorable(value) : value instanceof Uint8Array);
}

export function metadataIn(
  { metadata }: SummaryRow,
  texts: ColumnDecoder,
  redaction: Redaction,
): Record<string, unknown> {
  if (metadata === null) return {};
  return withJson(redaction.apply("metadata", texts.record(metadata)) as Record<string, unknown>);
}

/** @param cycle - the latest one */
export function summaryOf<M extends RunSummary["metadata"]>(
  row: SummaryRow,
  cycle: LatestCycle | undefined,
  metadata: M,
  pauses: readonly Pause[],
): RunSummary & { readonly metadata: M } {
  return {
    runId: row.id,
    workflow: row.workflow,
    kind: row.kind as WorkflowKind,
    status: row.status as RunSummary["status"],
    parentRunId: row.parent_run_id ?? undefined,
    parentNode: row.parent_node ?? undefined,
    createdAt: whole(row.created_at),
    finishedAt: whole(row.finished_at),
    metadata,
    pauseReason: row.pause_reason ?? undefined,
    pauses: withJson(pauses.map((pause) => withJson(pause))),
    currentState: cycle?.state,
    waitingFor: waitingFor(row, cycle),
  };
}

function waitingFor({ status, due_at, pauses }: SummaryRow, cycle: LatestCycle | undefined): WaitingFor | undefined {
  if (status !== "running" && status !== "paused") return undefined;
  // What somebody paused on the way from a wait does not go on with another event.
  const wait = pauses === null ? tryParseWait(cycle?.wait ?? "null") : undefined;
  const until = whole(due_at ?? wait?.after?.at ?? null);
  if (wait === undefined && until === undefined) return undefined;
  return { events: wait?.events.map(([event]) => event) ?? [], until };
}

/** A recorded time as it is shown. Records keep the part of a ms that the clock gave: it tells what came first. */
export function whole<T extends number | null>(time: T): T extends null ? undefined : number;
export function whole(time: number | null): number | undefined {
  return time === null ? undefined : Math.floor(time);
}
