/** Whether the rows of a run go together: what one of them says may be denied by another, or by the structure. */
import { show } from "../base/check.js";
import { append } from "../base/append.js";
import { edgesIn, type Structure } from "../planning/structure.js";
import { pausesIn } from "./pauses.js";
import { decisiveRow } from "./decisive-row.js";
import { placeOf, unreadable } from "./rows.js";
import type { AttemptRow, CycleRow, RunRow, TraversalRow } from "./schema.js";
import type { Texts } from "./texts.js";

type Denial = readonly [place: string, reason: string];

/**
 * Looks for rows of a run that deny each other: names that its structure does not have, results of what could not run, an end
 * that is none. Pure. Cost: linear in the rows.
 * @throws {StoreError} STORE naming run and column
 */
export function requireConsistent(
  run: RunRow,
  attempts: readonly AttemptRow[],
  cycles: readonly CycleRow[],
  texts: Texts,
): void {
  const byNode = new Map<string, AttemptRow[]>();
  for (const row of attempts) append(byNode, row.node, row);
  const denial =
    ofEnd(run) ??
    ofNames(run, texts) ??
    ofOutputs(run, byNode, cycles, texts) ??
    ofNodes(texts, byNode) ??
    ofNeeds(texts.structure(), byNode) ??
    ofRest(run, cycles);
  if (denial !== undefined) throw unreadable(run.id, ...denial);
}

/** @throws {StoreError} STORE naming run and column, for edges between what is not, and never was, part of the run */
export function requireEdges(
  runId: string,
  edges: readonly TraversalRow[],
  attempts: readonly AttemptRow[],
  texts: Texts,
): void {
  const gone = new Set(attempts.map(({ node }) => node));
  for (const row of edges) {
    for (const column of ["source", "target"] as const) {
      const node = row[column];
      if (texts.has(node) || gone.has(node)) continue;
      throw unreadable(runId, placeOf("edge_traversals", row, column), noNode(node));
    }
  }
}

function noNode(name: string): string {
  return `there is no node ${show(name)}`;
}

/** What only a run has that paused, or failed. */
function ofEnd(run: RunRow): Denial | undefined {
  const { status } = run;
  const says = (column: keyof RunRow): Denial => [placeOf("runs", run, column), `the run is ${status}`];
  if (status !== "paused" && run.due_at !== null) return says("due_at");
  if (status !== "completed" && status !== "running") return undefined;
  for (const column of ["pauses", "pause_reason", "error"] as const) if (run[column] !== null) return says(column);
  return status === "running" && run.outputs !== null ? says("outputs") : undefined;
}

function ofNames(run: RunRow, texts: Texts): Denial | undefined {
  const lists: [keyof RunRow, readonly string[]][] = [
    ["scope", run.scope === null ? [] : texts.list(run.scope)],
    ["outputs", run.outputs === null ? [] : texts.list(run.outputs)],
    ["pauses", pausesIn(run, () => undefined).map(({ node }) => node)],
  ];
  for (const [column, names] of lists) {
    const unknown = names.find((name) => !texts.has(name));
    if (unknown !== undefined) return [placeOf("runs", run, column), noNode(unknown)];
  }
  return undefined;
}

/** What a completed run gave has been computed. Where one failed because a result could not be stored, that is not there. */
function ofOutputs(
  run: RunRow,
  byNode: ReadonlyMap<string, readonly AttemptRow[]>,
  cycles: readonly CycleRow[],
  texts: Texts,
): Denial | undefined {
  const names = run.status !== "completed" || run.outputs === null ? [] : texts.list(run.outputs);
  const isThere = (name: string) =>
    run.kind === "dag" ? byNode.get(name)?.some(hasResult) === true : cycles.at(-1)?.state === name;
  const lost = names.find((name) => !isThere(name));
  return lost === undefined
    ? undefined
    : [
        placeOf("runs", run, "outputs"),
        `table ${run.kind === "dag" ? "node_executions" : "fsm_cycles"} has no result of ${show(lost)}`,
      ];
}

function hasResult({ status }: AttemptRow): boolean {
  return status === "completed" || status === "copied";
}

/** Nodes are those of the structure, or of one that the run had before; and forks have taken a branch. */
function ofNodes(texts: Texts, byNode: ReadonlyMap<string, readonly AttemptRow[]>): Denial | undefined {
  for (const [name, rows] of byNode) {
    if (texts.has(name)) continue;
    const row = rows.find(({ status }) => status !== "superseded");
    if (row !== undefined) return [placeOf("node_executions", row, "node"), noNode(name)];
  }
  for (const [name, kind] of texts.structure()) {
    const row = byNode.get(name)?.find(hasResult);
    if (row === undefined) continue;
    const { branch } = row;
    const place = placeOf("node_executions", row, "branch");
    if (kind === "condition" && branch !== "true" && branch !== "false")
      return [place, `${name} is a condition, which leads to true or false`];
    if (kind === "select" && branch === null) return [place, `${name} is a select, which must say where it led`];
    if (kind !== "condition" && kind !== "select" && branch !== null)
      return [place, `${name} is no fork, and takes no branch`];
  }
  return undefined;
}

/** Nodes that were called had what they need. */
function ofNeeds(structure: Structure, byNode: ReadonlyMap<string, readonly AttemptRow[]>): Denial | undefined {
  for (const [name, kind, ...wiring] of structure) {
    const rows = byNode.get(name);
    const row = rows && decisiveRow(rows);
    // Results that were given, or taken over, need nothing; an `any` needs one of many.
    if (row?.status !== "completed" || row.attempt === 0 || kind === "any") continue;
    for (const { source, branch } of edgesIn(wiring)) {
      const before = byNode.get(source) ?? [];
      // A failure may have been passed over.
      if (before.some(({ status }) => status === "failed")) continue;
      const result = before.find(hasResult);
      const place = (of: AttemptRow, column: keyof AttemptRow) => placeOf("node_executions", of, column);
      if (result === undefined) return [place(row, "status"), `it needs ${show(source)}, which has no result`];
      if (branch !== undefined && result.branch !== branch) {
        return [place(result, "branch"), `${show(name)} has a result, which needs branch ${show(branch)}`];
      }
    }
  }
  return undefined;
}

/** A state machine at rest is in a state that is not over, or waits. */
function ofRest(run: RunRow, cycles: readonly CycleRow[]): Denial | undefined {
  const last = cycles.at(-1);
  if (run.status !== "paused" || last?.status !== "completed" || last.wait !== null) return undefined;
  return [placeOf("fsm_cycles", last, "wait"), "the run is paused, and waits for nothing"];
}
