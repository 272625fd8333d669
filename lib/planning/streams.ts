import type { ValidationIssue } from "../base/errors.js";
import type { ChildWorkflow } from "../definition/defined.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { Edge } from "./plan.js";
import { missingIn } from "./workflow-nodes.js";

/** The items of a node, or of one inside it, that other nodes take. */
export interface Port {
  /** Inside a workflow: the way to the node that produces them; "" for the node itself. */
  readonly path: string;
  /** The nodes that stream them. */
  readonly consumers: readonly number[];
  /** The nodes that take all of them at once. */
  readonly takers: readonly number[];
  /** Whether they are the result of the node. */
  readonly isResult: boolean;
}

/** The streams of a dag. Nodes that are connected by streams are a group, which runs at the same time. */
export interface StreamPlan {
  /** The generators. */
  readonly generators: ReadonlySet<number>;
  /** What is streamed of each node. */
  readonly ports: ReadonlyMap<number, readonly Port[]>;
  /** The nodes that stream others. */
  readonly consumers: ReadonlySet<number>;
  /** The group of each node in a stream, named by one of its nodes. */
  readonly groups: ReadonlyMap<number, number>;
  /** The groups in which streams split and join again, or one node streams several of a workflow. */
  readonly loops: ReadonlySet<number>;
}

/** A dag, as wiring found it. */
interface Wired {
  readonly specs: readonly NodeSpec[];
  readonly from: number[];
  readonly to: number[];
  readonly flags: number[];
  readonly labels: ReadonlyMap<number, string>;
  readonly workflows: ReadonlyMap<string, ChildWorkflow>;
}

/** Where items come from, or why there are none. */
export type Found = { readonly path: string } | { readonly problem: string };

type Report = (issue: ValidationIssue) => void;

/** Whether calling a function returns a generator. */
export function isGenerator(fn: unknown): boolean {
  const tag = Object.prototype.toString.call(fn);
  return tag === "[object GeneratorFunction]" || tag === "[object AsyncGeneratorFunction]";
}

/** Whether a node produces items: its function is a generator, or it is a map with a list of results. */
function isProducer({ fn, map }: NodeSpec): boolean {
  return map === undefined ? isGenerator(fn) : map.reduce === undefined;
}

/**
 * Finds the node that produces the items of `stream("node")` or `stream("node.output")`: the node itself, or for a
 * workflow the named node in it, or its sink. Of an fsm these are the values of its cycles.
 */
export function findProducer(spec: NodeSpec, output: string | undefined, workflow: ChildWorkflow | undefined): Found {
  if (isProducer(spec)) {
    return output === undefined
      ? { path: "" }
      : { problem: `"${spec.name}" is streamed as a whole, without ".${output}".` };
  }
  if (workflow === undefined) return { problem: `"${spec.name}" produces no items.` };
  let at = workflow;
  let name = spec.name;
  let rest = output ?? spec.subworkflow?.options.output;
  const path: string[] = [];
  for (;;) {
    if (at.kind === "fsm") {
      if (rest === undefined) return { path: path.join(".") };
      return { problem: `"${name}" is a machine, whose states can't be streamed. Stream "${name}" itself.` };
    }
    const { errors, sinks } = at.planned.surface;
    if (errors.length > 0) return { path: path.join(".") }; // They are reported.
    if (rest === undefined) {
      if (sinks.length !== 1) {
        return {
          problem: `workflow "${at.name}" has no single sink, but: ${sinks.join(", ")}. Name one of its nodes.`,
        };
      }
      rest = sinks[0];
    }
    const [head, ...others] = rest.split(".");
    const missing = missingIn(at, rest);
    if (missing !== undefined) return { problem: missing };
    const member = at.members.get(head) as NodeSpec;
    path.push(head);
    name = `${name}.${head}`;
    rest = others.length === 0 ? undefined : others.join(".");
    if (isProducer(member) && rest === undefined) return { path: path.join(".") };
    const inner = member.map === undefined ? member.subworkflow : undefined;
    if (inner === undefined) return { problem: `"${name}" produces no items.${producersIn(at)}` };
    rest ??= inner.options.output;
    at = inner.workflow;
  }
}

/** Which nodes of a workflow produce items, for messages. */
export function producersIn({ name, members }: Pick<ChildWorkflow, "name" | "members">): string {
  const names = Array.from(members.values() as Iterable<NodeSpec>)
    .filter(isProducer)
    .map((spec) => spec.name);
  return names.length === 0
    ? ` No node of "${name}" does.`
    : ` In "${name}" these do: ${names.slice(0, 20).join(", ")}.`;
}

/**
 * Finds the streams of a dag; undefined if no need is a stream and no node is a generator. Adds edges so that all nodes of a
 * group wait for what any of them needs from outside: they start together, and none waits for a slot or a result that
 * another one holds back. Reports what can't work.
 * @param paths - by edge: where the items of a stream come from
 */
export function planStreams(wired: Wired, paths: ReadonlyMap<number, string>, report: Report): StreamPlan | undefined {
  const generators = new Set(wired.specs.flatMap(({ fn }, i) => (isGenerator(fn) ? [i] : [])));
  if (paths.size === 0 && generators.size === 0) return undefined;
  const { from, to } = wired;
  const ports = portsOf(wired, paths);
  const consumers = new Set(Array.from(paths.keys(), (e) => to[e]));
  const neighbours = new Map<number, number[]>();
  for (const e of paths.keys()) {
    push(neighbours, from[e], to[e]);
    push(neighbours, to[e], from[e]);
  }
  const groups = groupsOf(neighbours);
  checkNodes(wired, generators, consumers, groups, report);
  checkEdges(wired, paths, groups, report);
  joinGroups(wired, consumers, groups);
  return { generators, ports, consumers, groups, loops: loopsOf(wired.from, paths, groups) };
}

/** The groups with more streams than a tree has. */
function loopsOf(
  from: readonly number[],
  paths: ReadonlyMap<number, string>,
  groups: ReadonlyMap<number, number>,
): Set<number> {
  const excess = new Map<number, number>();
  const add = (group: number, n: number) => excess.set(group, (excess.get(group) ?? 1) + n);
  for (const group of groups.values()) add(group, -1);
  for (const e of paths.keys()) add(groups.get(from[e]) as number, 1);
  return new Set(Array.from(excess).flatMap(([group, n]) => (n > 0 ? [group] : [])));
}

function portsOf(wired: Wired, paths: ReadonlyMap<number, string>): Map<number, Port[]> {
  const { specs, from, to, flags, labels, workflows } = wired;
  const ports = new Map<number, (Port & { consumers: number[]; takers: number[] })[]>();
  for (const [e, path] of paths) {
    const known = ports.get(from[e])?.find((port) => port.path === path);
    if (known !== undefined) {
      known.consumers.push(to[e]);
      continue;
    }
    const spec = specs[from[e]];
    const whole = path === "" ? { path } : findProducer(spec, undefined, workflows.get(spec.name));
    const isResult = "path" in whole && whole.path === path;
    push(ports, from[e], { path, consumers: [to[e]], takers: [], isResult });
  }
  for (let e = 0; e < from.length; e++) {
    const own = ports.get(from[e]);
    if (own === undefined || (flags[e] & (Edge.stream | Edge.order)) !== 0) continue;
    const spec = specs[from[e]];
    const workflow = workflows.get(spec.name);
    const taken = workflow === undefined ? { path: "" } : findProducer(spec, labels.get(e), workflow);
    if ("problem" in taken) continue;
    for (const port of own) if (port.path === taken.path) port.takers.push(to[e]);
  }
  return ports;
}

/** The connected nodes, by the first node of each group. */
function groupsOf(neighbours: ReadonlyMap<number, readonly number[]>): Map<number, number> {
  const groups = new Map<number, number>();
  for (const first of neighbours.keys()) {
    if (groups.has(first)) continue;
    const open = [first];
    groups.set(first, first);
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (const next of neighbours.get(node) ?? []) {
        if (groups.has(next)) continue;
        groups.set(next, first);
        open.push(next);
      }
    }
  }
  return groups;
}

/** Lets the first nodes of each group wait for all that its nodes need from outside. */
function joinGroups(
  { from, to, flags }: Wired,
  consumers: ReadonlySet<number>,
  groups: ReadonlyMap<number, number>,
): void {
  const roots = new Map<number, number[]>();
  for (const [node, group] of groups) if (!consumers.has(node)) push(roots, group, node);
  const joined = new Set<string>();
  const count = from.length;
  for (let e = 0; e < count; e++) {
    const group = groups.get(to[e]);
    if (group === undefined || groups.get(from[e]) === group) continue;
    for (const root of roots.get(group) ?? []) {
      const key = `${from[e]} ${root}`;
      if (root === to[e] || joined.has(key)) continue;
      joined.add(key);
      from.push(from[e]);
      to.push(root);
      flags.push(Edge.soft | Edge.order | Edge.join);
    }
  }
}

/** Reports nodes that can't be in a stream. */
function checkNodes(
  { specs }: Wired,
  generators: ReadonlySet<number>,
  consumers: ReadonlySet<number>,
  groups: ReadonlyMap<number, number>,
  report: Report,
): void {
  const keys = new Map<string, string>();
  for (const node of new Set([...generators, ...groups.keys()])) {
    const { name, kind, options, map } = specs[node];
    const refuse = (message: string) => report({ severity: "error", code: "INVALID_NODE", message, nodes: [name] });
    const verb = generators.has(node) ? "produces items" : consumers.has(node) ? "streams others" : "is streamed";
    if (options.cache !== undefined && map === undefined) {
      refuse(`Node "${name}" ${verb}, so it can't be cached. Leave out its "cache".`);
    }
    if (options.backend !== undefined && options.backend !== "inline" && map === undefined) {
      const where = options.backend === "thread" ? "threads" : "other backends";
      refuse(`Node "${name}" ${verb}, and items don't cross to ${where}. Leave out its "backend".`);
    }
    if (kind === "condition" || kind === "select" || kind === "any") {
      refuse(`Node "${name}" ${verb}, which a node of kind "${kind}" can't. Use a plain node before it.`);
    }
    const group = groups.get(node);
    const key = options.concurrencyKey?.key;
    if (group === undefined || key === undefined) continue;
    const other = keys.get(`${group} ${key}`);
    keys.set(`${group} ${key}`, name);
    if (other === undefined) continue;
    refuse(
      `Nodes "${other}" and "${name}" run at the same time, so they can't share the "concurrencyKey" "${key}". Leave out one.`,
    );
  }
}

/** Reports needs that could never be met: of nodes that run at the same time. */
function checkEdges(
  { specs, from, to, flags }: Wired,
  paths: ReadonlyMap<number, string>,
  groups: ReadonlyMap<number, number>,
  report: Report,
): void {
  const streamed = new Set<string>();
  for (let e = 0; e < from.length; e++) {
    const group = groups.get(to[e]);
    if (group === undefined || groups.get(from[e]) !== group) continue;
    const [source, name] = [specs[from[e]].name, specs[to[e]].name];
    const refuse = (code: string, message: string) => report({ severity: "error", code, message, nodes: [name] });
    if ((flags[e] & Edge.stream) === 0) {
      if (from[e] === to[e]) continue; // A cycle, which is reported as one.
      const verb = (flags[e] & Edge.order) === 0 ? "needs" : "waits for";
      refuse(
        "STREAM_ORDER",
        `Node "${name}" ${verb} all of "${source}", but a stream connects the two, so they run at the same time. ` +
          `Need stream("${source}"), or leave the stream out.`,
      );
      continue;
    }
    const key = `${to[e]} ${from[e]} ${paths.get(e)}`;
    if (streamed.has(key)) refuse("DUPLICATE_SOURCE", `Node "${name}" streams "${source}" twice. Remove one.`);
    streamed.add(key);
  }
}

function push<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
