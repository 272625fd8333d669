import type { ValidationIssue } from "../base/errors.js";
import { shortWay } from "../base/message.js";
import type { DefinedDag } from "../definition/defined.js";
import { isMinified, looksMinified, minifiedHint } from "../definition/specs/minified-names.js";
import { hasPolicies, type NodeHooks } from "../definition/specs/node-options.js";
import { isFork, type NodeFunction, type NodeSpec } from "../definition/specs/node-spec.js";
import { findCycles } from "../graph/cycles.js";
import { groupBy, indegrees, type Digraph } from "../graph/digraph.js";
import { inverse, topologicalOrder } from "../graph/order.js";
import { findChoices } from "./choices.js";
import { flowOf, flowOrder } from "./flow.js";
import { misnamedInputs } from "./declared-inputs.js";
import { conflictingLimits } from "./limits.js";
import { Edge, NEVER, type Choices, type DagPlan, type Fork } from "./plan.js";
import { byPriority } from "./ranking.js";
import { planStreams, type StreamPlan } from "./streams.js";
import { Planning } from "./validity.js";
import { planWaits } from "./waits.js";
import { wire, type Wiring } from "./wiring.js";

/** Plans up to this size use plain arrays for counters, which are faster to copy than typed arrays. */
const SMALL = 512;

const NO_FORKS: DagPlan["forks"] = new Map();

/**
 * Validates a definition and builds its plan. Pure. Reports all problems, not only the first. Cost: O(nodes + edges).
 * @param given - see {@link wire}
 * @param way - the nodes that lead from the workflow back to itself; undefined if it does not contain itself
 */
export function planDag(
  definition: DefinedDag,
  given: ReadonlySet<string>,
  way: readonly string[] | undefined,
): Planning<DagPlan> {
  const wiring = wire(definition, given, way);
  const { specs } = wiring;
  const streamIssues: ValidationIssue[] = [];
  const waitIssues: ValidationIssue[] = [];
  const streams = planStreams(wiring, wiring.streamPaths, (issue) => streamIssues.push(issue));
  const { start, order: slots } = groupBy(specs.length, wiring.from);
  const graph: Digraph = { size: specs.length, start, target: permute(wiring.to, slots) };
  const labels = new Map<number, string>();
  if (wiring.labels.size > 0) {
    slots.forEach((edge, slot) => {
      const label = wiring.labels.get(edge);
      if (label !== undefined) labels.set(slot, label);
    });
  }
  const flags = wiring.flags.some((flag) => flag !== 0)
    ? Uint8Array.from(slots, (edge) => wiring.flags[edge])
    : undefined;
  const rank = rankOf(specs);
  const choices = wiring.choiceEdges.size > 0 ? choicesOf(wiring, graph, flags, slots) : undefined;
  const flow = flowOf(graph, choices);
  const order = flowOrder(flow, rank?.of);
  const degrees = indegrees(graph);
  const hooks = hooksOf(definition, specs);
  const forks = specs.some(isFork) ? forksOf(wiring, graph, flags, labels) : NO_FORKS;
  const waits = planWaits(
    specs,
    (i) => streams?.groups.has(i) === true,
    (issue) => waitIssues.push(issue),
  );
  const isPlain = streams === undefined && waits === undefined;
  const plan: DagPlan = Object.freeze({
    workflow: definition.name,
    size: specs.length,
    specs,
    indexOf: wiring.indexOf,
    ...functionsOf(specs),
    graph,
    flags,
    labels,
    indegree: specs.length <= SMALL ? Array.from(degrees) : degrees,
    argStart: Int32Array.from(wiring.argStart),
    args: Int32Array.from(wiring.args),
    bindings: wiring.bindings,
    anyNeeds: wiring.anyNeeds,
    forks,
    choices,
    flow,
    inputs: wiring.inputs,
    inner: wiring.inner.size === 0 ? undefined : wiring.inner,
    inputNames: new Set(wiring.inputs.map(({ name }) => name)),
    hooks,
    managed: managedOf(specs, hooks, streams),
    streams,
    waits,
    isPlain: isPlain && flags === undefined && forks.size === 0 && wiring.anyNeeds.size === 0,
    isSerial: isPlain && choices === undefined && isSerial(graph, order),
    inputsTimeouts: inputsTimeoutsOf(specs),
    isPlaced: specs.some(({ options: { backend } }) => backend !== undefined && backend !== "inline"),
    blank: specs.length <= SMALL ? blankOf(specs.length) : undefined,
    order,
    rank,
  });
  const isCyclic = order.length < specs.length;
  const issues = [
    ...wiring.issues,
    ...streamIssues,
    ...waitIssues,
    ...(isCyclic ? cyclesOf(plan) : []),
    ...conflictingLimits(specs),
    ...itemNames(specs),
  ];
  return new Planning(plan, issues, () => [
    ...warningsOf(plan),
    ...misnamedInputs(
      plan.inputs.map(({ name }) => name),
      definition.declaredInputs,
    ),
  ]);
}

/** The choices of a graph; undefined while it has cycles. */
function choicesOf(
  wiring: Wiring,
  graph: Digraph,
  flags: Uint8Array | undefined,
  slots: Int32Array,
): Choices | undefined {
  const order = topologicalOrder(graph);
  if (order.length < graph.size) return undefined;
  const { specs, choiceEdges } = wiring;
  const roles = new Map<number, string>();
  slots.forEach((edge, slot) => {
    const branch = choiceEdges.get(edge);
    if (branch === undefined) return;
    const isWhen = specs[wiring.to[edge]].kind === "when";
    roles.set(slot, isWhen ? ["if", "then", "else"][branch + 1] : String(branch + 1));
  });
  const branchOf = (slot: number) => {
    const branch = choiceEdges.get(slots[slot]);
    return branch === -1 ? undefined : branch;
  };
  return { ...findChoices(wiring, graph, flags, order, branchOf), roles };
}

function isSerial({ size, start, target }: Digraph, order: Int32Array): boolean {
  if (order.length < size) return false;
  for (let k = 1; k < size; k++) {
    const before = order[k - 1];
    if (!target.subarray(start[before], start[before + 1]).includes(order[k])) return false;
  }
  return true;
}

/** Binds the functions whose `this` differs from that of the first node. Usually all nodes share one. */
function functionsOf(specs: readonly NodeSpec[]): Pick<DagPlan, "functions" | "self"> {
  const self = specs[0]?.self;
  const boundTo = (spec: NodeSpec): NodeFunction => (spec.self === self ? spec.fn : spec.fn.bind(spec.self));
  return { functions: specs.map(boundTo), self };
}

function blankOf(size: number): DagPlan["blank"] {
  return { numbers: Array.from({ length: size }, () => 0), instants: Array.from({ length: 2 * size }, () => NEVER) };
}

function permute(values: readonly number[], order: Int32Array): Int32Array {
  return order.map((position) => values[position]);
}

function rankOf(specs: readonly NodeSpec[]): DagPlan["rank"] {
  if (!specs.some(({ options }) => options.priority !== undefined)) return undefined;
  const node = byPriority(specs, specs.keys());
  return { of: inverse(node), node };
}

function hooksOf(definition: DefinedDag, specs: readonly NodeSpec[]): Map<number, NodeHooks> {
  const hooks = new Map<number, NodeHooks>();
  specs.forEach(({ name }, i) => {
    const own = definition.nodeHooks(name);
    if (own !== undefined) hooks.set(i, own);
  });
  return hooks;
}

function managedOf(
  specs: readonly NodeSpec[],
  hooks: ReadonlyMap<number, NodeHooks>,
  streams: StreamPlan | undefined,
): Uint8Array | undefined {
  const isStreaming = (i: number) => streams !== undefined && (streams.generators.has(i) || streams.groups.has(i));
  const managed = Uint8Array.from(specs, ({ options, subworkflow, map }, i) => {
    return hasPolicies(options) || hooks.has(i) || subworkflow !== undefined || map !== undefined || isStreaming(i)
      ? 1
      : 0;
  });
  return managed.includes(1) ? managed : undefined;
}

function inputsTimeoutsOf(specs: readonly NodeSpec[]): Map<number, number> | undefined {
  const timeouts = new Map<number, number>();
  specs.forEach(({ options: { inputsTimeout } }, i) => {
    if (inputsTimeout !== undefined) timeouts.set(i, inputsTimeout);
  });
  return timeouts.size > 0 ? timeouts : undefined;
}

function forksOf(
  { specs, argStart, args, bindings }: Wiring,
  { start }: Digraph,
  flags: Uint8Array | undefined,
  labels: ReadonlyMap<number, string>,
): Map<number, Fork> {
  const forks = new Map<number, Fork>();
  specs.forEach((spec, i) => {
    if (!isFork(spec)) return;
    const codes = args.slice(argStart[i], argStart[i + 1]);
    const first = codes.findIndex((code) => code >= 0 || bindings[~code].type !== "context");
    const branches = new Set<string>();
    for (let e = start[i]; e < start[i + 1]; e++) {
      const label = labels.get(e);
      if (flags !== undefined && flags[e] & Edge.branch && label !== undefined) branches.add(label);
    }
    forks.set(i, { first, branches });
  });
  return forks;
}

/** The nodes that are named like items of maps, as which stores would record them. */
function itemNames(specs: readonly NodeSpec[]): ValidationIssue[] {
  const maps = new Set(specs.flatMap(({ name, map }) => (map === undefined ? [] : name)));
  if (maps.size === 0) return [];
  return specs.flatMap(({ name }): ValidationIssue[] => {
    if (!name.endsWith("]")) return [];
    for (let at = name.indexOf("["); at > 0; at = name.indexOf("[", at + 1)) {
      const map = name.slice(0, at);
      if (!maps.has(map)) continue;
      const message = `Node "${name}" has the name of an item of map "${map}". Rename one of them.`;
      return [{ severity: "error", code: "INVALID_NODE", message, nodes: [name, map] }];
    }
    return [];
  });
}

function cyclesOf(plan: DagPlan): ValidationIssue[] {
  const { flow, choices, specs, size, workflow } = plan;
  const nodeAt = (vertex: number) => (vertex < size ? vertex : (choices?.ownerOf[vertex - size] as number));
  return findCycles(flow.graph).map((cycle) => {
    const joins: string[] = [];
    const way = [...cycle, cycle[0]].map(nodeAt).flatMap((node, k, all) => {
      const member = k === 0 ? undefined : joinedBy(plan, all[k - 1], node);
      if (member === undefined) return [node];
      joins.push(` "${specs[member].name}" and "${specs[node].name}" run at the same time, connected by a stream.`);
      return [member, node];
    });
    const nodes = way.map((i) => specs[i].name);
    const message =
      `Workflow "${workflow}" has a cycle: ${shortWay(nodes).join(" → ")}.${joins.join("")} ` +
      `Remove one of these needs${cycle.length === 1 ? "" : ", or split a node"}.`;
    return { severity: "error", code: "CYCLE", message, nodes };
  });
}

/** The node because of which `to` waits for `from`: one that runs together with `to`, if `to` itself does not need it. */
function joinedBy({ graph, flags, streams }: DagPlan, from: number, to: number): number | undefined {
  let member: number | undefined;
  for (let e = graph.start[from]; e < graph.start[from + 1]; e++) {
    const target = graph.target[e];
    const isJoin = flags !== undefined && (flags[e] & Edge.join) !== 0;
    if (target === to && !isJoin) return undefined;
    if (!isJoin && streams?.groups.get(target) === streams?.groups.get(to)) member ??= target;
  }
  return member;
}

/** Warnings about nodes and branches that are not connected. */
function warningsOf(plan: DagPlan): ValidationIssue[] {
  const { specs, graph, indegree, flags, forks } = plan;
  const issues: ValidationIssue[] = [];
  specs.forEach(({ name, kind }, i) => {
    const degree = indegree[i] + graph.start[i + 1] - graph.start[i];
    if (degree === 0 && specs.length > 1) {
      const message = `Node "${name}" is not connected. Connect it, or remove it.`;
      issues.push({ severity: "warning", code: "DISCONNECTED_NODE", message, nodes: [name] });
    }
    const fork = forks.get(i);
    if (fork === undefined) return;
    for (let e = graph.start[i]; e < graph.start[i + 1]; e++) {
      const edgeFlags = flags === undefined ? 0 : flags[e];
      if ((edgeFlags & (Edge.branch | Edge.order)) === 0) return;
    }
    const missing = kind === "condition" ? ["true", "false"].filter((branch) => !fork.branches.has(branch)) : [];
    if (missing.length === 0 && fork.branches.size > 0) return;
    const unconnected = missing.map((branch) => `"${branch}"`).join(" and ");
    const which = missing.length === 0 ? "no branch connected" : `nothing connected to ${unconnected}`;
    const message = `The ${kind} "${name}" has ${which}. Add a need such as "${name}.${missing[0] ?? "branch"}".`;
    issues.push({ severity: "warning", code: "MISSING_CONNECTION", message, nodes: [name] });
  });
  const isIsolated = ({ code, nodes }: ValidationIssue) => code === "DISCONNECTED_NODE" && !looksMinified(nodes[0]);
  const isolated = issues.find(isIsolated)?.nodes[0];
  const lost = isolated === undefined ? undefined : lostName(plan, isolated);
  return lost === undefined ? issues : [...issues, lost];
}

/** A parameter that silently takes its default value, probably because a minifier renamed it. */
function lostName({ specs, inputs }: DagPlan, isolated: string): ValidationIssue | undefined {
  const optional = new Set(inputs.filter(({ required }) => required.length === 0).map(({ name }) => name));
  for (const { name, method, declared, signature } of specs) {
    const lost = signature.inputs.find((param) => looksMinified(param.name) && optional.has(param.name))?.name;
    if (lost === undefined || method === undefined || !isMinified(declared)) continue;
    const message =
      `Parameter "${lost}" of node "${name}" matches no node, and takes its default value, while node "${isolated}" ` +
      `is not connected.${minifiedHint([lost])}`;
    return { severity: "warning", code: "LOST_NAME", message, nodes: [name, isolated] };
  }
  return undefined;
}
