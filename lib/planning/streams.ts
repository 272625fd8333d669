import type { ValidationIssue } from "../base/errors.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { Edge } from "./plan.js";

/** A node that produces items. */
export interface Producer {
  /** The nodes that stream it. */
  readonly consumers: readonly number[];
  /** Whether its items are kept for an array: a plain need takes them, or nobody streams. */
  readonly keeps: boolean;
}

/** The streams of a dag. Nodes that are connected by streams are a group, which runs at the same time. */
export interface StreamPlan {
  readonly producers: ReadonlyMap<number, Producer>;
  /** The nodes that a node streams. */
  readonly consumers: ReadonlyMap<number, readonly number[]>;
  /** The group of each node in a stream, named by one of its nodes. */
  readonly groups: ReadonlyMap<number, number>;
}

/** The edges of a dag, as wiring found them. */
interface Edges {
  readonly from: number[];
  readonly to: number[];
  readonly flags: number[];
}

/** Whether a node produces items: its function is a generator, or it is a map. */
export function isProducer({ fn, map }: NodeSpec): boolean {
  return map !== undefined || isGenerator(fn);
}

/** Whether calling a function returns a generator. */
export function isGenerator(fn: unknown): boolean {
  const tag = Object.prototype.toString.call(fn);
  return tag === "[object GeneratorFunction]" || tag === "[object AsyncGeneratorFunction]";
}

/**
 * Finds the streams of a dag; undefined if it has no producer that anyone streams and no generator. Adds edges so that
 * all nodes of a group wait for what any of them needs from outside: they start together, and none waits for a slot or a
 * result that another one holds back.
 */
export function planStreams(
  specs: readonly NodeSpec[],
  edges: Edges,
  report: (issue: ValidationIssue) => void,
): StreamPlan | undefined {
  const { from, to, flags } = edges;
  const consumers = new Map<number, number[]>();
  const streamed = new Map<number, number[]>();
  const plain = new Set<number>();
  const count = from.length;
  for (let e = 0; e < count; e++) {
    if ((flags[e] & Edge.stream) === 0) {
      if ((flags[e] & Edge.order) === 0) plain.add(from[e]);
      continue;
    }
    push(consumers, to[e], from[e]);
    push(streamed, from[e], to[e]);
    const { name } = specs[from[e]];
    if (isProducer(specs[from[e]])) continue;
    const message = `Node "${specs[to[e]].name}" streams "${name}", which produces no items. Make its function a generator, or need "${name}" as it is.`;
    report({ severity: "error", code: "NO_STREAM", message, nodes: [specs[to[e]].name] });
  }
  const producers = new Map<number, Producer>();
  specs.forEach((spec, i) => {
    const own = streamed.get(i);
    if (own === undefined && !isGenerator(spec.fn)) return;
    producers.set(i, { consumers: Array.from(new Set(own)), keeps: own === undefined || plain.has(i) });
    if (spec.options.cache === undefined || !isGenerator(spec.fn)) return;
    const message = `Node "${spec.name}" produces items, which can't be cached. Leave out its "cache".`;
    report({ severity: "error", code: "INVALID_NODE", message, nodes: [spec.name] });
  });
  if (producers.size === 0) return undefined;
  const groups = groupsOf(consumers, streamed);
  const members = new Map<number, number[]>();
  for (const [node, group] of groups) push(members, group, node);
  for (let e = 0; e < count; e++) {
    const group = groups.get(to[e]);
    if (group === undefined || groups.get(from[e]) === group) continue;
    for (const root of members.get(group) ?? []) {
      if (root === to[e] || consumers.has(root)) continue;
      from.push(from[e]);
      to.push(root);
      flags.push(Edge.soft | Edge.order);
    }
  }
  return { producers, consumers, groups };
}

function push(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** The connected nodes, by the first node of each group. */
function groupsOf(
  consumers: ReadonlyMap<number, readonly number[]>,
  streamed: ReadonlyMap<number, readonly number[]>,
): Map<number, number> {
  const groups = new Map<number, number>();
  for (const first of streamed.keys()) {
    if (groups.has(first)) continue;
    const open = [first];
    groups.set(first, first);
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (const next of [...(consumers.get(node) ?? []), ...(streamed.get(node) ?? [])]) {
        if (groups.has(next)) continue;
        groups.set(next, first);
        open.push(next);
      }
    }
  }
  return groups;
}
