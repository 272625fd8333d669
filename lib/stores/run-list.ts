import type { Kysely } from "kysely";
import { checkNumber, checkOneOf, checkOptions } from "../base/check.js";
import type { RunStatus } from "../run/status.js";
import { isKept } from "./names.js";
import { checkedRow } from "./rows.js";
import type { RunRow, Tables } from "./schema.js";
import type { WorkflowKind } from "./store.js";

export interface RunFilter {
  readonly workflow?: string;
  readonly status?: RunSummary["status"];
  /** Runs that began at or after this time: a date, or ms since 1970. */
  readonly since?: number | Date;
  /** How many runs to give at most. @defaultValue 50 */
  readonly limit?: number;
  /** The `cursor` of the page before. */
  readonly cursor?: string;
}

/** A run, without what is in it. */
export interface RunSummary {
  readonly runId: string;
  readonly workflow: string;
  readonly kind: WorkflowKind;
  readonly status: "running" | RunStatus;
  /** The run that this one is a replay of, and the first node that it computed anew. */
  readonly parentRunId: string | undefined;
  readonly parentNode: string | undefined;
  /** In ms since 1970. */
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
}

/** A page of runs, the newest first; with `cursor`, there are more. */
export interface RunPage {
  readonly runs: readonly RunSummary[];
  readonly cursor?: string;
}

const DEFAULT_LIMIT = 50;
const STATUSES: readonly RunSummary["status"][] = ["running", "completed", "failed", "cancelled", "paused"];

/** @throws {TypeError} | {RangeError} for a status, a limit, a time or a cursor that is none */
export async function listRuns(db: Kysely<Tables>, filter: RunFilter): Promise<RunPage> {
  const { workflow, status, since, limit = DEFAULT_LIMIT, cursor } = filter;
  checkOptions(filter, ["workflow", "status", "since", "limit", "cursor"], "listRuns");
  checkOneOf("status", status, STATUSES);
  checkNumber("limit", limit, { min: 1, integer: true });
  if (workflow !== undefined && !isKept(workflow)) return { runs: [] };
  let query = db.selectFrom("runs").selectAll();
  if (workflow !== undefined) query = query.where("workflow", "=", workflow);
  if (status !== undefined) query = query.where("status", "=", status);
  if (since !== undefined) query = query.where("created_at", ">=", timeOf(since));
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
  const runs = rows.slice(0, limit).map((row) => summaryOf(checkedRow("runs", row.id, row)));
  if (rows.length <= limit) return { runs };
  const last = rows[limit - 1];
  return { runs, cursor: Buffer.from(JSON.stringify([last.created_at, last.id])).toString("base64url") };
}

function timeOf(since: number | Date): number {
  const time = since instanceof Date ? since.getTime() : since;
  checkNumber("since", time, { min: -Infinity });
  return time;
}

function read(cursor: string): [at: number, id: string] {
  try {
    const [at, id] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    if (typeof at === "number" && typeof id === "string" && isKept(id)) return [at, id];
  } catch {
    // It is no cursor, either.
  }
  throw new TypeError('"cursor" must be the cursor of a page that listRuns gave; this is none.');
}

export function summaryOf(row: RunRow): RunSummary {
  return {
    runId: row.id,
    workflow: row.workflow,
    kind: row.kind as WorkflowKind,
    status: row.status as RunSummary["status"],
    parentRunId: row.parent_run_id ?? undefined,
    parentNode: row.parent_node ?? undefined,
    createdAt: row.created_at,
    finishedAt: row.finished_at ?? undefined,
  };
}
