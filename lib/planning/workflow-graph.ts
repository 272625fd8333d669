import type { NodeKind, NodeSpec } from "../definition/specs/node-spec.js";
import { fsmEdges, type FsmEdge, type FsmPlan } from "./fsm-plan.js";
import { Edge, edgesOf, type DagEdge, type DagPlan } from "./plan.js";
import { allEdgesIn, type Structure } from "./structure.js";

/** A node or a state in a {@link WorkflowGraph}. */
export interface GraphNode {
  readonly name: string;
  readonly kind: NodeKind;
  /** Its definition; undefined in the graph of a recorded run. */
  readonly spec: NodeSpec | undefined;
}

/** The nodes of a dag and what connects them. */
export interface DagGraph {
  readonly kind: "dag";
  /** The name of the dag. */
  readonly workflow: string;
  /** In order of definition. */
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly DagEdge[];
}

/** The states of an fsm and its declared transitions. */
export interface FsmGraph {
  readonly kind: "fsm";
  /** The name of the fsm. */
  readonly workflow: string;
  /** In order of definition. */
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly FsmEdge[];
  /** The state that runs begin with; undefined in an fsm that is not valid. */
  readonly initial: string | undefined;
  /** The terminal states. */
  readonly terminal: readonly string[];
}

/** A workflow as it is drawn. Workflows and runs have one, so that a run can be drawn without its workflow. */
export type WorkflowGraph = DagGraph | FsmGraph;

/** Cost: O(nodes + edges). */
export function dagGraph(plan: DagPlan): DagGraph {
  return { kind: "dag", workflow: plan.workflow, nodes: plan.specs.map(graphNode), edges: edgesOf(plan) };
}

/** Cost: O(states + transitions). */
export function fsmGraph(plan: FsmPlan): FsmGraph {
  const { workflow, specs, initial, isTerminal } = plan;
  return {
    kind: "fsm",
    workflow,
    nodes: specs.map(graphNode),
    edges: fsmEdges(plan),
    initial: specs[initial]?.name,
    terminal: specs.flatMap(({ name }, i) => (isTerminal[i] ? name : [])),
  };
}

function graphNode(spec: NodeSpec): GraphNode {
  return { name: spec.name, kind: spec.kind, spec };
}

/** The graph of a recorded structure. Cost: O(nodes + edges). */
export function recordedGraph(kind: WorkflowGraph["kind"], workflow: string, structure: Structure): WorkflowGraph {
  return kind === "dag" ? recordedDag(workflow, structure) : recordedFsm(workflow, structure);
}

function recordedDag(workflow: string, structure: Structure): DagGraph {
  const edges = structure.flatMap(([to, kind, ...wiring]) => {
    const roleOf = rolesIn(kind, wiring);
    return allEdgesIn(wiring).map(({ flags, source, label }): DagEdge => {
      const isOrder = (flags & Edge.order) !== 0;
      return {
        from: source,
        to,
        output: label,
        optional: (flags & Edge.soft) !== 0 && !isOrder,
        orderOnly: isOrder,
        role: roleOf(label === undefined ? source : `${source}.${label}`),
        stream: (flags & Edge.stream) !== 0,
      };
    });
  });
  const nodes = structure.map(([name, kind]) => ({ name, kind: kind as NodeKind, spec: undefined }));
  return { kind: "dag", workflow, nodes, edges };
}

const CHOICE = "choice ";
const WHEN_ROLES = ["if", "then", "else"];

/** What a need is to a choice, as in {@link DagEdge.role}; undefined for nodes of other kinds. */
function rolesIn(kind: string, wiring: readonly string[]): (need: string) => string | undefined {
  const written = wiring.find((text) => text.startsWith(CHOICE));
  if (written === undefined) return () => undefined;
  const needs = JSON.parse(written.slice(CHOICE.length)) as string[];
  const roles = new Map(needs.map((need, i) => [need, kind === "when" ? WHEN_ROLES[i] : String(i + 1)]));
  return (need) => roles.get(need);
}

function recordedFsm(workflow: string, structure: Structure): FsmGraph {
  const edges = structure.flatMap(([from, , ...wiring]) =>
    wiring.map((text): FsmEdge => {
      const space = text.indexOf(" ");
      return { from, to: text.slice(space + 1), kind: text.slice(0, space) as FsmEdge["kind"] };
    }),
  );
  return {
    kind: "fsm",
    workflow,
    nodes: structure.map(([name]) => ({ name, kind: "state", spec: undefined })),
    edges,
    initial: structure.find(([, kind]) => kind.startsWith("initial "))?.[0],
    terminal: structure.flatMap(([name, kind]) => (kind.endsWith("terminal") ? name : [])),
  };
}
