/**
 * Plans of workflows of which only the recorded structure is known, for the results of their runs: nothing can run by
 * them. Pure. Cost: O(nodes + edges).
 */
import { nodeSpec, type NodeSpec } from "../definition/specs/node-spec.js";
import { stateSpec } from "../definition/specs/state-spec.js";
import { groupBy, indegrees } from "../graph/digraph.js";
import { topologicalOrder } from "../graph/order.js";
import type { FsmPlan } from "./fsm-plan.js";
import type { DagPlan } from "./plan.js";
import { allEdgesIn, type Structure } from "./structure.js";

/** The function of every node. */
function unknown(): never {
  throw new Error("Only the record of this workflow is known.");
}

/** The plan of a dag. */
export function dagPlanOf(workflow: string, structure: Structure): DagPlan {
  const specs = structure.map(([name, kind]): NodeSpec => {
    const spec = nodeSpec("node", name, unknown, { params: [] });
    return kind === "map" ? { ...spec, map: {} } : spec;
  });
  const size = specs.length;
  const indexOf = new Map(specs.map(({ name }, i) => [name, i]));
  const edges = structure.flatMap(([, , ...wiring], target) =>
    allEdgesIn(wiring).map((edge) => ({ ...edge, target, source: indexOf.get(edge.source) as number })),
  );
  const bySource = groupBy(
    size,
    edges.map(({ source }) => source),
  );
  const sorted = Array.from(bySource.order, (edge) => edges[edge]);
  const graph = { size, start: bySource.start, target: Int32Array.from(sorted, ({ target }) => target) };
  const labels = sorted.flatMap(({ label }, e) => (label === undefined ? [] : [[e, label] as const]));
  return {
    workflow,
    size,
    specs,
    indexOf,
    functions: specs.map(({ fn }) => fn),
    self: undefined,
    streams: undefined,
    waits: undefined,
    graph,
    flags: Uint8Array.from(sorted, ({ flags }) => flags),
    labels: new Map(labels),
    indegree: indegrees(graph),
    argStart: new Int32Array(size + 1),
    args: new Int32Array(0),
    bindings: [],
    anyNeeds: new Map(),
    forks: new Map(),
    choices: undefined,
    flow: { size, graph },
    inputs: [],
    inner: undefined,
    inputNames: new Set(),
    hooks: new Map(),
    managed: undefined,
    isPlain: false,
    isSerial: false,
    inputsTimeouts: undefined,
    isPlaced: false,
    blank: undefined,
    order: topologicalOrder(graph),
    rank: undefined,
  };
}

/** The plan of an fsm. */
export function fsmPlanOf(workflow: string, structure: Structure): FsmPlan {
  const specs = structure.map(([name]) => stateSpec(name, unknown, { params: [] }));
  const indexOf = new Map(specs.map(({ name }, i) => [name, i]));
  return {
    workflow,
    size: specs.length,
    specs,
    indexOf,
    initial: structure.findIndex(([, kind]) => kind.startsWith("initial ")),
    isTerminal: structure.map(([, kind]) => kind.endsWith("terminal")),
    legal: specs.map(() => indexOf),
    transitions: specs.map(() => []),
    errorStates: specs.map(() => -1),
    hooks: specs.map(() => undefined),
    isManaged: specs.map(() => false),
    inputs: new Set(),
    receiver: { kind: "fsm", name: workflow, members: new Map() },
    events: undefined,
    inner: undefined,
    numbered: [],
    edges: [],
  };
}
