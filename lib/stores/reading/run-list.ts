import type { Kysely } from "kysely";
import { checkOptions, integer, oneOf, timeOf, type Rules } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";
import { withJson } from "../../base/json.js";
import { RUN_STATUSES } from "../../run/status.js";
import { blobHash } from "../writing/blobs.js";
import type { Codec } from "../values/codec.js";
import { ColumnDecoder } from "./column-decoder.js";
import { checkCycle, type LatestCycle, latestCycles } from "./latest-cycles.js";
import { decodeCursor, encodeCursor } from "./page-cursor.js";
import { pausesIn } from "../writing/pauses.js";
import type { Redaction } from "../values/redaction.js";
import { checkRow } from "./row-checks.js";
import { waitsInside } from "./waits-inside.js";
import type { WaitingFor } from "../../run/waiting-for.js";
import { metadataIn, type RunSummary, UNFINISHED, SUMMARY_COLUMNS, summaryOf, type SummaryRow } from "./run-summary.js";
import type { Tables, WaitRow } from "../database/schema.js";
import { waitRowsOf } from "./run-rows.js";
import { isStorable } from "../values/storable-text.js";

/** Which runs `SqlStore.listRuns` lists: those that meet all of the conditions given. */
export interface RunFilter {
  /** Only runs of the workflow with this name. */
  readonly workflow?: string | undefined;
  /** Only runs with this status. */
  readonly status?: RunSummary["status"] | undefined;
  /** Leaves out the runs inside of others. @defaultValue false */
  readonly roots?: boolean | undefined;
  /** Only the runs directly inside of the run with this id, and those that replay it. */
  readonly parent?: string | undefined;
  /** Only runs created at or after this time, a date or ms since 1970. */
  readonly since?: number | Date | undefined;
  /** Only runs created before this time, a date or ms since 1970. */
  readonly until?: number | Date | undefined;
  /**
   * Only runs that ended, or came to rest, at or after this time, a date or ms since 1970. With a workflow and a
   * status, it reads no other runs.
   */
  readonly finishedSince?: number | Date | undefined;
  /** The maximum number of runs per page. @defaultValue 50 */
  readonly limit?: number | undefined;
  /** The `cursor` of the previous page. */
  readonly cursor?: string | undefined;
}

/** A page of runs, newest first. */
export interface RunPage {
  /** By time of creation, then by id. */
  readonly runs: readonly RunSummary[];
  /** The runs of the page whose rows are corrupt. They count towards `limit`, and can be deleted. */
  readonly unreadable: readonly UnreadableRun[];
  /** Pass it to get the next page; absent on the last one. */
  readonly cursor?: string;
}

/** A run whose row is corrupt. */
export interface UnreadableRun {
  /** The id of the run, with which it can be deleted. */
  readonly runId: string;
  /** Names the corrupt column and what is wrong with it. */
  readonly error: StoreError;
}

const DEFAULT_LIMIT = 50;

const FILTER_RULES: Rules<RunFilter> = {
  workflow: "string",
  status: oneOf(RUN_STATUSES),
  roots: "boolean",
  parent: "string",
  since: timeOf,
  until: timeOf,
  finishedSince: timeOf,
  limit: integer(1),
  cursor: "any",
};

/**
 * Reads a page of runs. Cost: one query for the runs, one for the current states of fsms, and one per run with metadata
 * stored as a blob.
 * @throws {TypeError} | {RangeError} for an invalid status, limit, time or cursor
 */
export async function listRuns(
  db: Kysely<Tables>,
  filter: RunFilter,
  codec: Codec,
  redaction: Redaction,
): Promise<RunPage> {
  checkOptions(filter, FILTER_RULES, "a list of runs");
  const { workflow, status, roots, parent, since, until, finishedSince, limit = DEFAULT_LIMIT, cursor } = filter;
  if ([workflow, parent].some((text) => text !== undefined && !isStorable(text))) return pageOf([], []);
  let query = db.selectFrom("runs").select(SUMMARY_COLUMNS);
  if (workflow !== undefined) query = query.where("workflow", "=", workflow);
  if (status !== undefined) query = query.where("status", "=", status);
  if (roots === true) query = query.where("is_child", "=", 0);
  if (parent !== undefined) query = query.where("parent_run_id", "=", parent);
  if (since !== undefined) query = query.where("created_at", ">=", timeOf("since", since));
  if (until !== undefined) query = query.where("created_at", "<", timeOf("until", until));
  if (finishedSince !== undefined) query = query.where("finished_at", ">=", timeOf("finishedSince", finishedSince));
  if (cursor !== undefined) {
    const [at, id] = decodeCursor(cursor);
    query = query.where((eb) =>
      eb.or([eb("created_at", "<", at), eb.and([eb("created_at", "=", at), eb("id", "<", id)])]),
    );
  }
  const rows = await query
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(Math.min(limit, Number.MAX_SAFE_INTEGER - 1) + 1)
    .execute();
  const page = rows.slice(0, limit);
  const cycles = await latestCycles(
    db,
    page.filter(({ kind }) => kind === "fsm").map(({ id }) => id),
  );
  const dags = page.filter(({ kind, status }) => kind === "dag" && UNFINISHED.includes(status));
  const waits = await waitRowsOf(
    db,
    dags.map(({ id }) => id),
  );
  const inner = await waitsInside(db, page);
  const runs: RunSummary[] = [];
  const unreadable: UnreadableRun[] = [];
  for (const row of page) {
    try {
      runs.push(
        await readSummary(
          db,
          row,
          { cycle: cycles.get(row.id), waits: waits.get(row.id) ?? [], inner: inner.get(row.id) },
          codec,
          redaction,
        ),
      );
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      unreadable.push(withJson({ runId: row.id, error: withJson(error) }));
    }
  }
  return pageOf(runs, unreadable, rows.length > limit ? rows[limit - 1] : undefined);
}

/** The recorded waits of a run. */
interface WaitsOfRun {
  readonly cycle: LatestCycle | undefined;
  readonly waits: readonly WaitRow[];
  /** What runs inside wait for. */
  readonly inner: WaitingFor | undefined;
}

/** @throws {StoreError} STORE for a corrupt row or cycle */
async function readSummary(
  db: Kysely<Tables>,
  row: SummaryRow,
  { cycle, waits, inner }: WaitsOfRun,
  codec: Codec,
  redaction: Redaction,
): Promise<RunSummary> {
  checkRow("runs", row.id, row);
  if (cycle !== undefined) checkCycle(row.id, cycle);
  const decoder = new ColumnDecoder(codec, row.id, undefined, withJson);
  decoder.register("runs", row, "metadata");
  await decoder.fetchBlobs(db);
  const metadata = ifReadable(() => metadataIn(row, decoder, redaction));
  // Leaves out long data, which is stored as blobs.
  const dataOf = (text: string, node: string) =>
    blobHash(text) === undefined ? redaction.apply(node, decoder.value(text)) : undefined;
  const pauses = ifReadable(() => pausesIn(row, dataOf)) ?? [];
  return withJson(summaryOf(row, cycle, waits, metadata, pauses, inner));
}

/** @param last - the last run of the page, if another page follows */
function pageOf(runs: RunSummary[], unreadable: UnreadableRun[], last?: SummaryRow): RunPage {
  const page = { runs: withJson(runs), unreadable: withJson(unreadable) };
  if (last === undefined) return withJson(page);
  return withJson({ ...page, cursor: encodeCursor(last) });
}

/** Undefined for a value that can't be decoded, such as an instance of a class that is not among the store's types. */
function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}
