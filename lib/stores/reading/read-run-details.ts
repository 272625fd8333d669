import type { Kysely } from "kysely";
import { withJson } from "../../base/json.js";
import { type Structure, inputsIn } from "../../planning/structure.js";
import { recordedGraph } from "../../planning/workflow-graph.js";
import type { RunRow, Tables, TraversalRow } from "../database/schema.js";
import type { RecordedCycle, AttemptStatus } from "../store.js";
import type { Codec } from "../values/codec.js";
import type { Redaction } from "../values/redaction.js";
import { unescapeName } from "../values/storable-text.js";
import { unreadable, reasonOf } from "../values/unreadable.js";
import { pausesIn } from "../writing/pauses.js";
import { requireEdges } from "./consistency.js";
import { type PartedRows, countItems } from "./item-rows.js";
import { readRows } from "./read-rows.js";
import { RedactingReader, type Values } from "./redacting-reader.js";
import { checkRow, describeColumn } from "./row-checks.js";
import type { RunDetails, EdgeDetails, NodeDetails, AttemptDetails } from "./run-details.js";
import { findRunRow, kindOf, runsInsideOf, waitRows } from "./run-rows.js";
import { summaryOf, metadataIn } from "./run-summary.js";
import { waitsInside } from "./waits-inside.js";

/**
 * Reads a run, and those inside to a depth; undefined if there is none with this id. Cost: linear in the size of their
 * records.
 */
export async function readRunDetails(
  db: Kysely<Tables>,
  runId: string,
  codec: Codec,
  redaction: Redaction,
  depth = 0,
): Promise<RunDetails | undefined> {
  const row = await findRunRow(db, runId);
  if (row === undefined) return undefined;
  const root = await oneRun(db, row, codec, redaction);
  let level = [root];
  for (let at = 0; at < depth && level.length > 0; at++) {
    const below: RunDetailsWithInside[] = [];
    for (const { runId: outer, inside } of level) {
      for (const child of await runsInsideOf(db, outer)) {
        const details = await oneRun(db, child, codec, redaction);
        inside.set(child.id.slice(outer.length + 1), details);
        below.push(details);
      }
    }
    level = below;
  }
  return root;
}

type RunDetailsWithInside = RunDetails & { readonly inside: Map<string, RunDetails> };

/** The ids of the runs that replay a run, oldest first. */
async function replaysOf(db: Kysely<Tables>, runId: string): Promise<string[]> {
  const query = db.selectFrom("runs").select("id").where("parent_run_id", "=", runId).where("is_child", "=", 0);
  const rows = await query.orderBy("created_at").orderBy("id").execute();
  return rows.map(({ id }) => id);
}

async function oneRun(
  db: Kysely<Tables>,
  row: RunRow,
  codec: Codec,
  redaction: Redaction,
): Promise<RunDetailsWithInside> {
  const { id: runId } = row;
  const { attempts, nodes: nodeRows, items, cycles, decoder, structure } = await readRows(db, row, codec);
  const edges = await edgeRows(db, runId);
  requireEdges(runId, edges, nodeRows, decoder);
  const waits = await waitRows(db, runId);
  const inner = (await waitsInside(db, [row])).get(runId);

  const reader = new RedactingReader(decoder, redaction);
  const isDag = row.kind === "dag";
  const pauses = pausesIn(row, (text, node) => redaction.apply(node, decoder.value(text)));
  const nodes = withJson(
    isDag ? withItems(reader.nodes(row, structure, nodeRows, pauses, waits), items) : reader.states(structure, cycles),
  );
  const runInputs = redaction.apply("inputs", decoder.record(row.inputs)) as Values;
  const redactedCycles = reader.cycles(cycles);
  return withJson({
    ...summaryOf(row, cycles.at(-1), waits, metadataIn(row, decoder, redaction), pauses, inner),
    inputs: withJson(runInputs),
    outputs: outputsOf(decoder.outputs(row), nodes),
    error: reader.error(row.error),
    owner: row.owner ?? undefined,
    nodes,
    graph: recordedGraph(kindOf(row) ?? "dag", row.workflow, structure),
    attempts: isDag
      ? reader.attempts(attempts, nodes, inputsOf(structure, runInputs, nodes, edges))
      : executions(redactedCycles),
    edges: traversedEdges(edges),
    children: await replaysOf(db, runId),
    cycles: redactedCycles,
    inside: withJson(new Map<string, RunDetails>()),
  });
}

async function edgeRows(db: Kysely<Tables>, runId: string): Promise<TraversalRow[]> {
  const query = db.selectFrom("edge_traversals").selectAll().where("run_id", "=", runId);
  const rows = await query.orderBy("traversed_at").orderBy("target").orderBy("input").execute();
  return rows.map((row) => {
    checkRow("edge_traversals", runId, row);
    return { ...row, input: nameIn(row, "input", row.input), output: row.output && nameIn(row, "output", row.output) };
  });
}

/** @throws {StoreError} STORE naming run and column */
function nameIn(row: TraversalRow, column: keyof TraversalRow, text: string): string {
  try {
    return unescapeName(text);
  } catch (cause) {
    throw unreadable(row.run_id, describeColumn("edge_traversals", row, column), reasonOf(cause), cause);
  }
}

/** Each edge once, even if it leads to several parameters. */
function traversedEdges(rows: readonly TraversalRow[]): EdgeDetails[] {
  const edges = new Map<string, EdgeDetails>();
  for (const { source, target } of rows) edges.set(JSON.stringify([source, target]), { from: source, to: target });
  return Array.from(edges.values());
}

function outputsOf(names: readonly string[], nodes: ReadonlyMap<string, NodeDetails>): Values {
  const record = Object.create(null) as Values;
  for (const name of names) record[name] = nodes.get(name)?.output;
  return withJson(record);
}

/** The arguments of each node, from the run's inputs and along the edges, by parameter. */
function inputsOf(
  structure: Structure,
  runInputs: Values,
  nodes: ReadonlyMap<string, NodeDetails>,
  edges: readonly TraversalRow[],
): Map<string, Values> {
  const inputs = new Map<string, Values>();
  for (const [node, , ...wiring] of structure) {
    const values = Object.create(null) as Values;
    // A rule may have redacted all inputs.
    const names = typeof runInputs === "object" ? inputsIn(wiring) : [];
    for (const name of names) if (Object.hasOwn(runInputs, name)) values[name] = runInputs[name];
    inputs.set(node, withJson(values));
  }
  const kinds = new Map(structure.map(([name, kind]) => [name, kind]));
  for (const { target, source, output, input } of edges) {
    const from = nodes.get(source);
    // A fork passes its whole result along the branch it took.
    const isPart = output !== null && from?.branch === undefined;
    if (isPart && kinds.get(source) === "workflow") continue; // The result is in the record of the run inside.
    const values = inputs.get(target) ?? withJson(Object.create(null) as Values);
    values[input] = isPart ? (from?.output as Values | undefined)?.[output] : from?.output;
    inputs.set(target, values);
  }
  return inputs;
}

/** Adds the counts of items to the nodes that are maps. */
function withItems(nodes: Map<string, NodeDetails>, items: PartedRows["items"]): Map<string, NodeDetails> {
  for (const [map, rows] of items) {
    const node = nodes.get(map);
    if (node !== undefined) nodes.set(map, withJson({ ...node, items: countItems(rows) }));
  }
  return nodes;
}

/** The last attempt of each cycle. */
function executions(cycles: readonly RecordedCycle[]): AttemptDetails[] {
  const executed = cycles.filter(({ attempts }) => attempts > 0);
  return executed.map(({ state, attempts, status, worker, input, output, error, startedAt, finishedAt }) =>
    withJson({
      node: state,
      attempt: attempts,
      status: status as AttemptStatus,
      worker,
      input: input === undefined ? {} : withJson({ value: input.value }),
      output: output?.value,
      error,
      startedAt,
      finishedAt,
    }),
  );
}
