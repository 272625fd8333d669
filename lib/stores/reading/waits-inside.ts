import type { Kysely } from "kysely";
import { append } from "../../base/append.js";
import { inside, joined, type WaitingFor } from "../../run/waiting-for.js";
import { parts } from "../database/parts.js";
import type { RunRow, Tables } from "../database/schema.js";
import { latestCycles } from "./latest-cycles.js";
import { UNFINISHED, waitingFor, type OpenWaitRow } from "./run-summary.js";

/** A run that may contain others. */
type OuterRow = Pick<RunRow, "id" | "kind" | "status">;

/** A run inside another one. */
type InnerRow = OuterRow & Pick<RunRow, "parent_run_id" | "parent_node" | "due_at" | "pauses">;

/**
 * What the unfinished runs inside others wait for, by the outer run, as that one names it: `check.PAID`. Corrupt data
 * is left out here, and reported when its own run is read. Cost: up to three queries a level.
 */
export async function waitsInside(db: Kysely<Tables>, outer: readonly OuterRow[]): Promise<Map<string, WaitingFor>> {
  const outerKinds = new Map(
    outer.filter(({ status }) => UNFINISHED.includes(status)).map(({ id, kind }) => [id, kind]),
  );
  const rows = await unfinishedInside(db, Array.from(outerKinds.keys()));
  if (rows.length === 0) return new Map();
  const deeper = await waitsInside(db, rows);
  const idsOf = (kind: string) => rows.filter((row) => row.kind === kind).map(({ id }) => id);
  const cycles = await latestCycles(db, idsOf("fsm"));
  const waits = await openWaits(db, idsOf("dag"));
  const found = new Map<string, WaitingFor[]>();
  for (const row of rows) {
    const waiting = waitingFor(row, cycles.get(row.id), waits.get(row.id) ?? [], deeper.get(row.id));
    const runId = row.parent_run_id as string;
    if (waiting !== undefined) append(found, runId, inside(pathOf(row, outerKinds.get(runId)), waiting));
  }
  return new Map(Array.from(found, ([runId, list]) => [runId, joined(list) as WaitingFor]));
}

async function unfinishedInside(db: Kysely<Tables>, runIds: readonly string[]): Promise<InnerRow[]> {
  const rows: InnerRow[] = [];
  for (const part of parts(runIds)) {
    const query = db
      .selectFrom("runs")
      .select(["id", "kind", "status", "parent_run_id", "parent_node", "due_at", "pauses"])
      .where("parent_run_id", "in", part)
      .where("is_child", "=", 1)
      .where("status", "in", UNFINISHED);
    rows.push(...(await query.orderBy("created_at").orderBy("id").execute()));
  }
  return rows;
}

async function openWaits(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, OpenWaitRow[]>> {
  const found = new Map<string, OpenWaitRow[]>();
  for (const part of parts(runIds)) {
    const query = db.selectFrom("waits").select(["run_id", "event", "until", "payload"]).where("run_id", "in", part);
    for (const { run_id, ...row } of await query.orderBy("node").execute()) append(found, run_id, row);
  }
  return found;
}

/** The name of a run inside in its outer run. */
function pathOf({ id, parent_run_id, parent_node }: InnerRow, outerKind: string | undefined): string {
  const key = id.slice((parent_run_id as string).length + 1);
  return outerKind === "fsm" ? withoutExecution(key, parent_node) : key;
}

/** The key of a run that a state began, without the number of the state's execution: `check[0]` for `check.2[0]`. */
export function withoutExecution(key: string, state: string | null | undefined): string {
  if (state === null || state === undefined || !key.startsWith(state)) return key;
  return state + key.slice(state.length).replace(/^\.\d+/u, "");
}
