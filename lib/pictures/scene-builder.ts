import type { DagEdge, DagGraph, FsmGraph, GraphNode, WorkflowGraph } from "../index.js";
import { edgeText, nodeBox, NOTE_SIZE, outcome, stateBox, TITLE_SIZE, tooltip } from "./boxes.js";
import { criticalPath } from "./dag-order.js";
import type { RunFacts } from "./run-facts.js";
import {
  isGroup,
  partsIn,
  type Box,
  type Group,
  type Identity,
  type Line,
  type LineUse,
  type Part,
  type Scene,
} from "./scene.js";
import { cut } from "./text.js";
import { generalErrorState, isError, passesOf, TRANSITION_WORDS, transitions } from "./transitions.js";

/** The longest title of a group, in pixels. */
const MAX_TITLE = 420;
/** The longest label of an edge, in pixels. */
const MAX_LABEL = 130;

/** A workflow that is drawn as a group, or as the whole picture. */
interface Drawn {
  readonly parts: readonly Part[];
  readonly byName: ReadonlyMap<string, Part>;
  readonly entries: readonly string[];
  readonly exits: readonly string[];
}

/** Collects what a picture shows of a workflow, a run of it, and the workflows inside to a depth. */
export class SceneBuilder {
  private readonly lines: Line[] = [];
  private count = 0;
  /** The nodes of the groups that are open, from the outermost. */
  private readonly path: string[] = [];
  private readonly open = new Set<object>();

  static scene(graph: WorkflowGraph, run: RunFacts | undefined, depth: number): Scene {
    const builder = new SceneBuilder();
    const { parts } = builder.workflow(graph, run, depth);
    return { parts, lines: builder.lines };
  }

  private workflow(graph: WorkflowGraph, run: RunFacts | undefined, depth: number): Drawn {
    return graph.kind === "dag" ? this.dag(graph, run, depth) : this.fsm(graph, run, depth);
  }

  private dag(graph: DagGraph, run: RunFacts | undefined, depth: number): Drawn {
    const path = run === undefined ? [] : criticalPath(graph, run);
    const critical = new Set(path);
    const next = new Map(path.map((name, i) => [name, path.at(i + 1)]));
    const parts = new Map<string, Part>();
    for (const node of graph.nodes) {
      const facts = run?.nodes.get(node.name);
      const marks = { isCritical: critical.has(node.name) };
      const group = this.group(node, run, depth, marks);
      parts.set(node.name, group ?? nodeBox(this.identity(node.name), node, facts, marks));
    }
    for (const edges of merged(graph.edges)) {
      const [{ from, to }] = edges;
      this.dagLine(edges, parts, run && (next.get(from) === to ? "critical" : useOf(from, to, run)));
    }
    const targets = new Set(graph.edges.map(({ to }) => to));
    const sources = new Set(graph.edges.map(({ from }) => from));
    return drawn(
      parts,
      (name) => !targets.has(name),
      (name) => !sources.has(name),
    );
  }

  private dagLine(edges: readonly DagEdge[], parts: ReadonlyMap<string, Part>, use: LineUse): void {
    const [first] = edges;
    const isAll = (is: (edge: DagEdge) => boolean) => edges.every(is);
    const outer = parts.get(first.from) as Part;
    const source = edges.length === 1 ? innermost(outer, first.output) : undefined;
    const labels = edges.flatMap(({ role, output: whole }) => {
      const output = source === undefined ? whole : source.output;
      return [role, output].filter((part) => part !== undefined).join(": ") || [];
    });
    this.line(source?.part ?? outer, parts.get(first.to) as Part, {
      label: labels.join(", "),
      style: isAll((edge) => edge.orderOnly)
        ? "after"
        : edges.some(({ stream }) => stream)
          ? "stream"
          : isAll(({ optional, orderOnly }) => optional || orderOnly)
            ? "optional"
            : "plain",
      use,
      tooltip: edges.map(edgeText).join("\n"),
    });
  }

  private fsm(graph: FsmGraph, run: RunFacts | undefined, depth: number): Drawn {
    const parts = new Map<string, Part>();
    const general = generalErrorState(graph);
    for (const node of graph.nodes) {
      const facts = run?.nodes.get(node.name);
      const box = () => stateBox(this.identity(node.name), node, graph, facts, { takesErrors: node.name === general });
      parts.set(node.name, this.group(node, run, depth, { isCritical: false }) ?? box());
    }
    const passes = passesOf(run?.steps ?? []);
    for (const { from, to, kinds } of transitions(graph, passes)) {
      const count = passes.get(from)?.get(to) ?? 0;
      if (to === general && count === 0 && isError(kinds)) continue;
      const words = kinds.flatMap((kind) => TRANSITION_WORDS[kind]);
      if (count > 1) words.push(`${count}×`);
      this.line(parts.get(from) as Part, parts.get(to) as Part, {
        label: words.join(", "),
        style: isError(kinds) ? "error" : "plain",
        use: run === undefined ? undefined : count > 0 ? "used" : "unused",
        tooltip: `${from} → ${to}${words.length === 0 ? "" : ` (${words.join(", ")})`}`,
      });
    }
    const result = drawn(
      parts,
      (name) => name === graph.initial,
      (name) => graph.terminal.includes(name),
    );
    if (graph.initial === undefined) return result;
    const start = startBox(this.identity(undefined));
    const use = run === undefined ? undefined : "used";
    this.line(start, parts.get(graph.initial) as Part, { label: "", style: "plain", use, tooltip: "start" });
    return { ...result, parts: [start, ...result.parts], entries: [start.id] };
  }

  /** A node that is a workflow with what is inside of it; undefined for others, and beyond the depth. */
  private group(
    node: GraphNode,
    run: RunFacts | undefined,
    depth: number,
    { isCritical }: Pick<Group, "isCritical">,
  ): Group | undefined {
    if (depth === 0 || (node.kind !== "workflow" && node.kind !== "state")) return undefined;
    const inner = run?.inside(node.name);
    const workflow = node.spec?.subworkflow?.workflow as { readonly graph: WorkflowGraph } | undefined;
    // A workflow that contains itself is drawn once.
    if (workflow !== undefined && this.open.has(workflow)) return undefined;
    const graph = inner?.graph ?? workflow?.graph;
    if (graph === undefined || graph.nodes.length === 0) return undefined;
    if (workflow !== undefined) this.open.add(workflow);
    const identity = this.identity(node.name);
    const facts = run?.nodes.get(node.name);
    this.path.push(node.name);
    const drawn = this.workflow(graph, inner, depth - 1);
    this.path.pop();
    if (workflow !== undefined) this.open.delete(workflow);
    return {
      ...identity,
      title: cut([node.name, ...(facts === undefined ? [] : [outcome(facts)])].join(" · "), TITLE_SIZE, MAX_TITLE),
      status: facts?.status,
      isCritical,
      tooltip: tooltip(node, facts),
      ...drawn,
    };
  }

  private line(from: Part, to: Part, look: Pick<Line, "label" | "style" | "use" | "tooltip">): void {
    const isLoop = from === to;
    this.lines.push({
      ...look,
      label: look.label === "" ? "" : cut(look.label, NOTE_SIZE, MAX_LABEL),
      from: isGroup(from) ? from.exits[0] : from.id,
      to: isGroup(to) ? to.entries[0] : to.id,
      fromGroup: isGroup(from) && !isLoop ? from.id : undefined,
      toGroup: isGroup(to) && !isLoop ? to.id : undefined,
      isInside: this.path.length > 0,
    });
  }

  private identity(name: string | undefined): Identity {
    const path = name === undefined ? undefined : [...this.path, name].join(".");
    return { id: `n${this.count++}`, path };
  }
}

function startBox(identity: Identity): Box {
  const look = { note: undefined, status: undefined, isCritical: false, isApart: false, lines: [], tooltip: "start" };
  return { ...identity, shape: "start", content: 0, width: 14, height: 14, ...look };
}

/** A workflow is entered and left through its first and last boxes; if there are none, through any. */
function drawn(
  parts: ReadonlyMap<string, Part>,
  isEntry: (name: string) => boolean,
  isExit: (name: string) => boolean,
): Drawn {
  const all = Array.from(parts);
  const entries = all.flatMap(([name, part]) => (isEntry(name) ? (isGroup(part) ? part.entries : part.id) : []));
  const exits = all.flatMap(([name, part]) => (isExit(name) ? (isGroup(part) ? part.exits : part.id) : []));
  const boxes =
    entries.length > 0 && exits.length > 0
      ? []
      : Array.from(partsIn(Array.from(parts.values()))).filter((part) => !isGroup(part));
  const ids = boxes.map(({ id }) => id);
  return {
    parts: Array.from(parts.values()),
    byName: parts,
    entries: entries.length > 0 ? entries : ids,
    exits: exits.length > 0 ? exits : ids.reverse(),
  };
}

/**
 * The part inside a group that an output such as `check.verdict` leads to, and what is left of the output; undefined if
 * it leads to none.
 */
function innermost(part: Part, output: string | undefined): { part: Part; output: string | undefined } | undefined {
  if (!isGroup(part) || output === undefined) return undefined;
  const dot = output.indexOf(".");
  const inner = part.byName.get(dot < 0 ? output : output.slice(0, dot));
  if (inner === undefined) return undefined;
  const rest = dot < 0 ? undefined : output.slice(dot + 1);
  return innermost(inner, rest) ?? { part: inner, output: rest };
}

/** The edges between the same two nodes, together. */
function merged(edges: readonly DagEdge[]): DagEdge[][] {
  const byEnds = new Map<string, DagEdge[]>();
  for (const edge of edges) {
    const key = JSON.stringify([edge.from, edge.to]);
    const list = byEnds.get(key);
    if (list === undefined) byEnds.set(key, [edge]);
    else list.push(edge);
  }
  return Array.from(byEnds.values());
}

/** Whether a result went along an edge. */
function useOf(from: string, to: string, { nodes }: RunFacts): LineUse {
  const [source, target] = [nodes.get(from)?.status, nodes.get(to)?.status];
  const hasCome = source === "completed" || source === "copied";
  return hasCome && target !== "skipped" && target !== "cancelled" ? "used" : "unused";
}
