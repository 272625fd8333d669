/** Checks that the rows of a run are consistent with each other and with its structure. */
import { firstNode } from "../../run/pause.js";
import { append } from "../../base/append.js";
import { show } from "../../base/check.js";
import { edgesIn, type Structure } from "../../planning/structure.js";
import type { ColumnDecoder } from "./column-decoder.js";
import { effectiveAttempt } from "./effective-attempt.js";
import { parseRequest } from "../queue/request-column.js";
import { pausesIn } from "../writing/pauses.js";
import { describeColumn } from "./row-checks.js";
import type { AttemptRow, CycleRow, RunRow, TraversalRow } from "../database/schema.js";
import { unreadable } from "../values/unreadable.js";

type Conflict = readonly [place: string, reason: string];

/**
 * Checks for names that the structure lacks, results of nodes that could not have run, and columns that contradict the
 * run's status. Pure. Cost: linear in the rows.
 * @throws {StoreError} STORE naming run and column
 */
export function requireConsistent(
  run: RunRow,
  attempts: readonly AttemptRow[],
  cycles: readonly CycleRow[],
  decoder: ColumnDecoder,
): void {
  const byNode = new Map<string, AttemptRow[]>();
  for (const row of attempts) append(byNode, row.node, row);
  if (run.request !== null) parseRequest(run.id, run.request);
  const conflict =
    queueConflict(run, attempts.length + cycles.length > 0) ??
    endConflict(run) ??
    nameConflict(run, decoder) ??
    outputConflict(run, byNode, cycles, decoder) ??
    nodeConflict(decoder, byNode) ??
    needConflict(decoder.structure(), byNode) ??
    waitConflict(run, cycles);
  if (conflict !== undefined) throw unreadable(run.id, ...conflict);
}

/** @throws {StoreError} STORE naming run and column, for an edge of a node that neither is nor was part of the run */
export function requireEdges(
  runId: string,
  edges: readonly TraversalRow[],
  attempts: readonly AttemptRow[],
  decoder: ColumnDecoder,
): void {
  const former = new Set(attempts.map(({ node }) => node));
  for (const row of edges) {
    for (const column of ["source", "target"] as const) {
      const node = row[column];
      if (decoder.hasNode(node) || former.has(node)) continue;
      throw unreadable(runId, describeColumn("edge_traversals", row, column), noNode(node));
    }
  }
}

function noNode(name: string): string {
  return `there is no node ${show(name)}`;
}

/** Columns that only a run without a driver can have, and only one that has not begun. */
function queueConflict(run: RunRow, hasBegun: boolean): Conflict | undefined {
  const { status, owner, fingerprint, is_fresh } = run;
  const conflict = (column: keyof RunRow, reason: string): Conflict => [describeColumn("runs", run, column), reason];
  const isDriven = status === "running" || status === "completed";
  if (fingerprint === "" && (hasBegun || isDriven)) return conflict("fingerprint", "the run has begun");
  if (is_fresh === 1 && (hasBegun || isDriven)) return conflict("is_fresh", "the run has begun");
  if (run.ready_at === null) return undefined;
  if (owner !== null) return conflict("ready_at", `${owner} drives the run`);
  return ["queued", "paused", "waiting"].includes(status) ? undefined : conflict("ready_at", `the run is ${status}`);
}

/** Columns that only a queued, paused, waiting or failed run can have. */
function endConflict(run: RunRow): Conflict | undefined {
  const { status } = run;
  const conflict = (column: keyof RunRow): Conflict => [describeColumn("runs", run, column), `the run is ${status}`];
  if (!["queued", "paused", "waiting"].includes(status) && run.due_at !== null) return conflict("due_at");
  if (status !== "completed" && status !== "running") return undefined;
  for (const column of ["pauses", "pause_reason", "error"] as const) if (run[column] !== null) return conflict(column);
  return undefined;
}

function nameConflict(run: RunRow, decoder: ColumnDecoder): Conflict | undefined {
  const lists: [keyof RunRow, readonly string[]][] = [
    ["scope", run.scope === null ? [] : decoder.list(run.scope)],
    ["outputs", decoder.outputs(run)],
    ["pauses", pausesIn(run, () => undefined).map(({ node }) => node)],
  ];
  for (const [column, names] of lists) {
    const isNode = (name: string) => decoder.hasNode(name);
    const unknown = names.find((name) => (column === "pauses" ? firstNode(name, isNode) === undefined : !isNode(name)));
    if (unknown !== undefined) return [describeColumn("runs", run, column), noNode(unknown)];
  }
  return undefined;
}

/**
 * The outputs of a completed run have results. A run that failed because an output was not storable lacks its result.
 */
function outputConflict(
  run: RunRow,
  byNode: ReadonlyMap<string, readonly AttemptRow[]>,
  cycles: readonly CycleRow[],
  decoder: ColumnDecoder,
): Conflict | undefined {
  const names = run.status !== "completed" || run.outputs === null ? [] : decoder.list(run.outputs);
  const hasOutput = (name: string) =>
    run.kind === "dag" ? byNode.get(name)?.some(hasResult) === true : cycles.at(-1)?.state === name;
  const missing = names.find((name) => !hasOutput(name));
  return missing === undefined
    ? undefined
    : [
        describeColumn("runs", run, "outputs"),
        `table ${run.kind === "dag" ? "node_executions" : "fsm_cycles"} has no result of ${show(missing)}`,
      ];
}

function hasResult({ status }: AttemptRow): boolean {
  return status === "completed" || status === "copied";
}

/** Nodes are in the structure, or in an earlier structure of the run, and completed forks have taken a branch. */
function nodeConflict(
  decoder: ColumnDecoder,
  byNode: ReadonlyMap<string, readonly AttemptRow[]>,
): Conflict | undefined {
  for (const [name, rows] of byNode) {
    if (decoder.hasNode(name)) continue;
    const row = rows.find(({ status }) => status !== "superseded");
    if (row !== undefined) return [describeColumn("node_executions", row, "node"), noNode(name)];
  }
  for (const [name, kind] of decoder.structure()) {
    const row = byNode.get(name)?.find(hasResult);
    if (row === undefined) continue;
    const { branch } = row;
    const place = describeColumn("node_executions", row, "branch");
    if (kind === "condition" && branch !== "true" && branch !== "false")
      return [place, `node ${show(name)} is a condition, whose branch must be true or false`];
    if (kind === "select" && branch === null)
      return [place, `node ${show(name)} is a select, which must have a branch`];
    if (kind !== "condition" && kind !== "select" && branch !== null)
      return [place, `node ${show(name)} has no branches`];
  }
  return undefined;
}

const SELECTIVE: ReadonlySet<string> = new Set(["any", "when", "coalesce"]);

/** Nodes that were executed have the results they need. */
function needConflict(structure: Structure, byNode: ReadonlyMap<string, readonly AttemptRow[]>): Conflict | undefined {
  const kinds = new Map(structure.map(([name, kind]) => [name, kind]));
  for (const [name, kind, ...wiring] of structure) {
    const rows = byNode.get(name);
    const row = rows && effectiveAttempt(rows);
    // A provided or copied result needs no others, and these kinds need only some of them.
    if (row?.status !== "completed" || row.attempt === 0 || SELECTIVE.has(kind)) continue;
    for (const { source, branch } of edgesIn(wiring)) {
      const sourceRows = byNode.get(source) ?? [];
      // The error strategy may have ignored the failure.
      if (sourceRows.some(({ status }) => status === "failed")) continue;
      const result = sourceRows.find(hasResult);
      const place = (of: AttemptRow, column: keyof AttemptRow) => describeColumn("node_executions", of, column);
      if (result === undefined) return [place(row, "status"), `the node needs ${show(source)}, which has no result`];
      // The results inside a workflow are in its own run.
      if (branch !== undefined && kinds.get(source) !== "workflow" && result.branch !== branch) {
        return [place(result, "branch"), `${show(name)} has a result, but needs branch ${show(branch)}`];
      }
    }
  }
  return undefined;
}

/** The last state of an fsm that is paused or put away is unfinished, or waits. */
function waitConflict(run: RunRow, cycles: readonly CycleRow[]): Conflict | undefined {
  const last = cycles.at(-1);
  const rests = run.status === "paused" || run.status === "waiting";
  if (!rests || last?.status !== "completed" || last.wait !== null) return undefined;
  return [describeColumn("fsm_cycles", last, "wait"), `the run is ${run.status} but does not wait`];
}
