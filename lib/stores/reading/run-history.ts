import { type Kysely, sql } from "kysely";
import { withJson } from "../../base/json.js";
import type { AttemptRow, MomentRow, RunRow, Tables } from "../database/schema.js";
import { parts } from "../database/parts.js";
import type { AttemptEntry, MomentEntry, RecordedCycle, RecordedRun, WorkflowKind } from "../store.js";
import type { Codec } from "../values/codec.js";
import type { Redaction } from "../values/redaction.js";
import type { ColumnDecoder } from "./column-decoder.js";
import { readRows } from "./read-rows.js";
import { recordedCycles } from "./recorded-run.js";
import { checkRow } from "./row-checks.js";
import { findRunRow, kindOf, runsInsideOf } from "./run-rows.js";

/** What has happened in a run. Its times keep the fractions of the record, which give the order. */
export interface RunHistory {
  readonly runId: string;
  readonly workflow: string;
  readonly kind: WorkflowKind | undefined;
  readonly status: RecordedRun["status"];
  /** The node of the outer run that it belongs to. */
  readonly parentNode: string | undefined;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly error: unknown;
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
  /** The names of the nodes or states that the run was to execute. */
  readonly scope: readonly string[];
  /** Ordered by node, then by attempt. */
  readonly attempts: readonly AttemptEntry[];
  readonly items: readonly ItemEntry[];
  readonly cycles: readonly RecordedCycle[];
  /** In order. */
  readonly moments: readonly Moment[];
  /** The runs inside. */
  readonly inside: readonly RunHistory[];
}

/** The attempts of an item of a map, as one entry. The node is the map. */
export interface ItemEntry extends AttemptEntry {
  readonly index: number;
}

/** An entry of a run's log, with its position in the run. */
export interface Moment extends MomentEntry {
  readonly token: number;
  readonly number: number;
}

/** Reads the history of a run, with those inside; undefined if there is none with this id. */
export async function runHistory(
  db: Kysely<Tables>,
  runId: string,
  codec: Codec,
  redaction: Redaction,
): Promise<RunHistory | undefined> {
  const row = await findRunRow(db, runId);
  return row && historyOf(db, row, codec, redaction);
}

async function historyOf(db: Kysely<Tables>, row: RunRow, codec: Codec, redaction: Redaction): Promise<RunHistory> {
  const { id: runId } = row;
  const moments = await momentRows(db, runId);
  const { nodes, items, cycles, decoder, structure } = await readRows(db, row, codec, (columns) => {
    for (const moment of moments) columns.register("moments", moment, "error");
  });
  const inside: RunHistory[] = [];
  for (const child of await runsInsideOf(db, runId)) inside.push(await historyOf(db, child, codec, redaction));
  const valueOf = (node: string, value: { readonly value: unknown } | undefined) =>
    value && { value: redaction.apply(node, value.value) };
  const entryOf = (attempt: AttemptRow): AttemptEntry => ({
    node: attempt.node,
    attempt: attempt.attempt,
    status: attempt.status as AttemptEntry["status"],
    startedAt: attempt.started_at ?? undefined,
    finishedAt: attempt.finished_at ?? undefined,
    output: valueOf(attempt.node, decoder.optional(attempt.output)),
    isCached: attempt.is_cached === 1,
    error: errorIn(attempt.error, decoder),
    reason: attempt.reason ?? undefined,
  });
  return {
    runId,
    workflow: row.workflow,
    kind: kindOf(row),
    status: row.status as RunHistory["status"],
    parentNode: row.parent_node ?? undefined,
    inputs: withJson(redaction.apply("inputs", decoder.record(row.inputs)) as Record<string, unknown>),
    error: errorIn(row.error, decoder),
    createdAt: row.created_at,
    finishedAt: row.finished_at ?? undefined,
    scope: row.scope === null ? structure.map(([name]) => name) : decoder.list(row.scope),
    attempts: nodes.map(entryOf),
    items: Array.from(items).flatMap(([node, ofMap]) =>
      Array.from(ofMap).flatMap(([index, rows]) => rows.map((item) => ({ ...entryOf(item), node, index }))),
    ),
    cycles: recordedCycles(cycles, decoder).map((cycle) => ({
      ...cycle,
      output: valueOf(cycle.state, cycle.output),
      error: readable(cycle.error),
    })),
    moments: moments.map((moment) => momentIn(moment, decoder)),
    inside,
  };
}

async function momentRows(db: Kysely<Tables>, runId: string): Promise<MomentRow[]> {
  const query = db.selectFrom("moments").selectAll().where("run_id", "=", runId);
  const rows = await query.orderBy("token").orderBy("number").execute();
  for (const row of rows) checkRow("moments", runId, row);
  return rows;
}

function momentIn(row: MomentRow, decoder: ColumnDecoder): Moment {
  const { token, number, type, at, event, until } = row;
  return {
    token,
    number,
    type: type as Moment["type"],
    at,
    node: row.node ?? undefined,
    attempt: row.attempt ?? undefined,
    item: row.item ?? undefined,
    cycle: row.cycle ?? undefined,
    waitingFor: event === null ? (until === null ? undefined : { until }) : { event },
    error: errorIn(row.error, decoder),
  };
}

function errorIn(text: string | null, decoder: ColumnDecoder): unknown {
  return readable(decoder.thrown(text));
}

function readable(thrown: unknown): unknown {
  return thrown instanceof Error ? withJson(thrown) : thrown;
}

/**
 * A mark of each run, by its id, that changes whenever something is recorded of it or of a run inside. A run that does
 * not exist has none. Cost: reads the rows of these runs, without their values.
 */
export async function marksOf(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, string>> {
  const marks = new Map<string, string>();
  for (const part of parts(runIds)) {
    const { rows } = await sql<MarkRow>`
      with recursive family(root, id) as (
        select id, id from runs where id in (${sql.join(part)})
        union all
        select family.root, runs.id from family join runs on runs.parent_run_id = family.id where runs.is_child = 1
      )
      select family.root, runs.id, runs.status, runs.fencing_token, runs.finished_at,
        (select max(coalesce(finished_at, 0)) from node_executions where run_id = runs.id) as ended_at,
        (select count(*) + count(finished_at) from node_executions where run_id = runs.id) as attempts,
        (select max(coalesce(finished_at, 0)) from fsm_cycles where run_id = runs.id) as left_at,
        (select count(*) + count(started_at) + count(finished_at) + sum(attempts) from fsm_cycles
          where run_id = runs.id) as cycles,
        (select count(*) from moments where run_id = runs.id) as moments
      from family join runs on runs.id = family.id
      order by runs.id`.execute(db);
    for (const { root, ...row } of rows) {
      marks.set(root, `${marks.get(root) ?? ""}${Object.values(row).join(" ")}\n`);
    }
  }
  return marks;
}

interface MarkRow {
  readonly root: string;
  readonly [column: string]: unknown;
}
