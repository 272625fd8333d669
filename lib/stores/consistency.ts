/** Whether the rows of a run go together: what one of them says may be denied by another, or by the structure. */
import { show } from "../base/check.js";
import { append } from "../base/append.js";
import { edgesIn, type Structure } from "../planning/structure.js";
import { pausesIn } from "./pauses.js";
import { effectiveAttempt } from "./effective-attempt.js";
import { describeColumn, unreadable } from "./rows.js";
import type { AttemptRow, CycleRow, RunRow, TraversalRow } from "./schema.js";
import type { ColumnDecoder } from "./column-decoder.js";

type Conflict = readonly [place: string, reason: string];

/**
 * Looks for rows of a run that deny each other: names that its structure does not have, results of what could not run, an end
 * that is none. Pure. Cost: linear in the rows.
 * @throws {StoreError} STORE naming run and column
 */
export function requireConsistent(
  run: RunRow,
  attempts: readonly AttemptRow[],
  cycles: readonly CycleRow[],
  texts: ColumnDecoder,
): void {
  const byNode = new Map<string, AttemptRow[]>();
  for (const row of attempts) append(byNode, row.node, row);
  const denial =
    endConflict(run) ??
    nameConflict(run, texts) ??
    outputConflict(run, byNode, cycles, texts) ??
    nodeConflict(texts, byNode) ??
    needConflict(texts.structure(), byNode) ??
    waitConflict(run, cycles);
  if (denial !== undefined) throw unreadable(run.id, ...denial);
}

/** @throws {StoreError} STORE naming run and column, for edges between what is not, and never was, part of the run */
export function requireEdges(
  runId: string,
  edges: readonly TraversalRow[],
  attempts: readonly AttemptRow[],
  texts: ColumnDecoder,
): void {
  const gone = new Set(attempts.map(({ node }) => node));
  for (const row of edges) {
    for (const column of ["source", "target"] as const) {
      const node = row[column];
      if (texts.hasNode(node) || gone.has(node)) continue;
      throw unreadable(runId, describeColumn("edge_traversals", row, column), noNode(node));
    }
  }
}

function noNode(name: string): string {
  return `there is no node ${show(name)}`;
}

/** What only a run has that paused, or failed. */
function endConflict(run: RunRow): Conflict | undefined {
  const { status } = run;
  const says = (column: keyof RunRow): Conflict => [describeColumn("runs", run, column), `the run is ${status}`];
  if (status !== "paused" && run.due_at !== null) return says("due_at");
  if (status !== "completed" && status !== "running") return undefined;
  for (const column of ["pauses", "pause_reason", "error"] as const) if (run[column] !== null) return says(column);
  return status === "running" && run.outputs !== null ? says("outputs") : undefined;
}

function nameConflict(run: RunRow, texts: ColumnDecoder): Conflict | undefined {
  const lists: [keyof RunRow, readonly string[]][] = [
    ["scope", run.scope === null ? [] : texts.list(run.scope)],
    ["outputs", run.outputs === null ? [] : texts.list(run.outputs)],
    ["pauses", pausesIn(run, () => undefined).map(({ node }) => node)],
  ];
  for (const [column, names] of lists) {
    const unknown = names.find((name) => !texts.hasNode(name));
    if (unknown !== undefined) return [describeColumn("runs", run, column), noNode(unknown)];
  }
  return undefined;
}

/** What a completed run gave has been computed. Where one failed because a result could not be stored, that is not there. */
function outputConflict(
  run: RunRow,
  byNode: ReadonlyMap<string, readonly AttemptRow[]>,
  cycles: readonly CycleRow[],
  texts: ColumnDecoder,
): Conflict | undefined {
  const names = run.status !== "completed" || run.outputs === null ? [] : texts.list(run.outputs);
  const isThere = (name: string) =>
    run.kind === "dag" ? byNode.get(name)?.some(hasResult) === true : cycles.at(-1)?.state === name;
  const lost = names.find((name) => !isThere(name));
  return lost === undefined
    ? undefined
    : [
        describeColumn("runs", run, "outputs"),
        `table ${run.kind === "dag" ? "node_executions" : "fsm_cycles"} has no result of ${show(lost)}`,
      ];
}

function hasResult({ status }: AttemptRow): boolean {
  return status === "completed" || status === "copied";
}

/** Nodes are those of the structure, or of one that the run had before; and forks have taken a branch. */
function nodeConflict(texts: ColumnDecoder, byNode: ReadonlyMap<string, readonly AttemptRow[]>): Conflict | undefined {
  for (const [name, rows] of byNode) {
    if (texts.hasNode(name)) continue;
    const row = rows.find(({ status }) => status !== "superseded");
    if (row !== undefined) return [describeColumn("node_executions", row, "node"), noNode(name)];
  }
  for (const [name, kind] of texts.structure()) {
    const row = byNode.get(name)?.find(hasResult);
    if (row === undefined) continue;
    const { branch } = row;
    const place = describeColumn("node_executions", row, "branch");
    if (kind === "condition" && branch !== "true" && branch !== "false")
      return [place, `${name} is a condition, which leads to true or false`];
    if (kind === "select" && branch === null) return [place, `${name} is a select, which must say where it led`];
    if (kind !== "condition" && kind !== "select" && branch !== null)
      return [place, `${name} is no fork, and takes no branch`];
  }
  return undefined;
}

/** Nodes that were called had what they need. */
function needConflict(structure: Structure, byNode: ReadonlyMap<string, readonly AttemptRow[]>): Conflict | undefined {
  for (const [name, kind, ...wiring] of structure) {
    const rows = byNode.get(name);
    const row = rows && effectiveAttempt(rows);
    // Results that were given, or taken over, need nothing; an `any` needs one of many.
    if (row?.status !== "completed" || row.attempt === 0 || kind === "any") continue;
    for (const { source, branch } of edgesIn(wiring)) {
      const before = byNode.get(source) ?? [];
      // A failure may have been passed over.
      if (before.some(({ status }) => status === "failed")) continue;
      const result = before.find(hasResult);
      const place = (of: AttemptRow, column: keyof AttemptRow) => describeColumn("node_executions", of, column);
      if (result === undefined) return [place(row, "status"), `it needs ${show(source)}, which has no result`];
      if (branch !== undefined && result.branch !== branch) {
        return [place(result, "branch"), `${show(name)} has a result, which needs branch ${show(branch)}`];
      }
    }
  }
  return undefined;
}

/** A state machine at rest is in a state that is not over, or waits. */
function waitConflict(run: RunRow, cycles: readonly CycleRow[]): Conflict | undefined {
  const last = cycles.at(-1);
  if (run.status !== "paused" || last?.status !== "completed" || last.wait !== null) return undefined;
  return [describeColumn("fsm_cycles", last, "wait"), "the run is paused, and waits for nothing"];
}
