import type { Attributes, Edge, Graph, Node, Subgraph } from "@viz-js/viz";
import { NOTE_HEIGHT, NOTE_SIZE, SIGN_WIDTH, TITLE_SIZE } from "./boxes.js";
import { across, meeting } from "./curves.js";
import { place } from "./graphviz.js";
import { isGroup, partsIn, type Box, type Group, type Line, type Part, type Scene } from "./scene.js";
import { contains } from "./shapes.js";
import { BOLD, widthOf } from "./text.js";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A rectangle by its upper left corner, in pixels. */
export interface Area extends Point {
  readonly width: number;
  readonly height: number;
}

/** Where a line runs: Bézier curves, each with two points of control, and an arrow from the last point to the tip. */
export interface Route {
  readonly points: readonly Point[];
  /** From here the line goes straight to its first point. */
  readonly start: Point;
  readonly tip: Point;
  /** The centre of the label. */
  readonly label: Point | undefined;
}

/** The places of everything in a scene. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** By id. */
  readonly areas: ReadonlyMap<string, Area>;
  /** By the line's position in the scene. */
  readonly routes: readonly Route[];
}

/** `TB` is top to bottom, `LR` left to right. */
export type Direction = "TB" | "LR";

const TITLE_HEIGHT = 20;
/** Pixels an inch, the unit of Graphviz' sizes. Its points are our pixels. */
const INCH = 72;
/** A group keeps above it what leads to it, and below it what it leads to, by that many invisible edges at most. */
const MAX_KEPT = 20;

/**
 * Lays out a scene by Graphviz' `dot`. Deterministic. Blocks its thread for a second or two if there are a thousand
 * boxes.
 */
export async function layoutOf(scene: Scene, direction: Direction): Promise<Layout> {
  const { bb, objects = [], edges = [] } = await place(graphOf(scene, direction));
  const boxes = new Map<string, Area>();
  const sizes = new Map(Array.from(partsIn(scene.parts), (part) => [part.id, part]));
  for (const { name, pos, bb: bounds } of objects) {
    if (bounds !== undefined) boxes.set(name.slice(CLUSTER.length), areaOf(bounds));
    else if (pos !== undefined) boxes.set(name, areaAround(pos, sizes.get(name) as Box));
  }
  const placed = new Map(edges.map((edge) => [edge.id, edge]));
  const routes = scene.lines.map((line, i) => {
    const { pos, lp } = placed.get(`e${i}`) ?? {};
    if (pos === undefined) throw new Error(`Graphviz placed no edge ${i}.`);
    const route = withLabel(routeOf(pos, lp), line, direction);
    const outline = (id: string) => (point: Point) =>
      contains((sizes.get(id) as Box).shape, boxes.get(id) as Area, point);
    return touching(route, line, outline);
  });
  const { width, height } = areaOf(bb);
  return { width, height, areas: boxes, routes };
}

const CLUSTER = "cluster_";

function graphOf({ parts, lines }: Scene, direction: Direction): Graph {
  const groups = new Map(Array.from(partsIn(parts)).flatMap((part) => (isGroup(part) ? [[part.id, part]] : [])));
  // With groups, ranks are those of the whole graph, so that what leads to a group is above all of it.
  const spaces: Attributes = groups.size > 0 ? { ranksep: 0.65, newrank: true } : { ranksep: 0.5 };
  return {
    directed: true,
    graphAttributes: { rankdir: direction, compound: true, nodesep: 0.32, labeljust: "l", ...spaces },
    nodeAttributes: { shape: "box", fixedsize: true, label: "" },
    ...subgraphOf(parts),
    edges: lines.flatMap((line, i) => edgesOf(line, i, groups)),
  };
}

function subgraphOf(parts: readonly Part[]): Pick<Subgraph, "nodes" | "subgraphs"> {
  const nodes: Node[] = [];
  const subgraphs: Subgraph[] = [];
  for (const part of parts) {
    if (isGroup(part)) {
      const graphAttributes = { label: blank(titleWidth(part), TITLE_HEIGHT), margin: 14 };
      subgraphs.push({ name: CLUSTER + part.id, graphAttributes, ...subgraphOf(part.parts) });
    } else {
      const node = { name: part.id, attributes: { width: part.width / INCH, height: part.height / INCH } };
      if (part.isApart) subgraphs.push({ graphAttributes: { rank: "max" }, nodes: [node] });
      else nodes.push(node);
    }
  }
  return { nodes, subgraphs };
}

function titleWidth({ title, status }: Group): number {
  return widthOf(title, TITLE_SIZE) * BOLD + (status === undefined ? 0 : SIGN_WIDTH);
}

function edgesOf(line: Line, i: number, groups: ReadonlyMap<string, Group>): Edge[] {
  const { from, to, fromGroup, toGroup, label } = line;
  const attributes: Attributes = { id: `e${i}`, weight: weightOf(line) };
  if (label !== "") attributes.label = blank(widthOf(label, NOTE_SIZE) + 8, NOTE_HEIGHT);
  if (fromGroup !== undefined) attributes.ltail = CLUSTER + fromGroup;
  if (toGroup !== undefined) attributes.lhead = CLUSTER + toGroup;
  const kept: Edge[] = [];
  const keep = (tail: string, head: string) => kept.push({ tail, head, attributes: { style: "invis" } });
  for (const entry of groups.get(toGroup ?? "")?.entries.slice(1, MAX_KEPT) ?? []) keep(from, entry);
  for (const exit of groups.get(fromGroup ?? "")?.exits.slice(1, MAX_KEPT) ?? []) keep(exit, to);
  return [{ tail: from, head: to, attributes }, ...kept];
}

/** Lines that matter most are short and straight. */
function weightOf({ style, use }: Line): number {
  if (use === "critical") return 8;
  if (use === "used") return 4;
  return style === "error" ? 0 : 2;
}

/** A label that takes this space, and shows nothing: texts are measured and drawn here. */
function blank(width: number, height: number): { html: string } {
  const size = `FIXEDSIZE="TRUE" WIDTH="${Math.ceil(width)}" HEIGHT="${height}"`;
  return { html: `<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" ${size}><TR><TD></TD></TR></TABLE>` };
}

function areaOf(bounds: string): Area {
  const [left, one, right, other] = bounds.split(",").map(Number);
  return { x: left, y: Math.min(one, other), width: right - left, height: Math.abs(other - one) };
}

function areaAround(centre: string, { width, height }: Box): Area {
  const { x, y } = pointOf(centre);
  return { x: x - width / 2, y: y - height / 2, width, height };
}

/** @param pos - `e,x,y x,y x,y x,y x,y …`: the tip, and then the curve */
function routeOf(pos: string, label: string | undefined): Route {
  const points = pos.split(" ").filter((text) => !text.startsWith("e,") && !text.startsWith("s,"));
  const curve = points.map(pointOf);
  const tip = /(?:^| )e,([^ ]+)/u.exec(pos)?.[1];
  return {
    points: curve,
    start: curve[0],
    tip: tip === undefined ? curve[curve.length - 1] : pointOf(tip),
    label: label === undefined ? undefined : pointOf(label),
  };
}

/** A label lies on its line, but beside one that leads back to its box, which would vanish behind it. */
function withLabel(route: Route, { from, to }: Line, direction: Direction): Route {
  const { points, label } = route;
  return label === undefined || from === to ? route : { ...route, label: across(points, label, direction) };
}

/** Graphviz leads lines to the rectangles around boxes. They go on to the outlines. */
function touching(route: Route, line: Line, outline: (id: string) => (point: Point) => boolean): Route {
  const { points, tip } = route;
  const last = points[points.length - 1];
  const end = line.toGroup === undefined ? meeting(last, tip, outline(line.to)) : tip;
  const start = line.fromGroup === undefined ? meeting(points[1], points[0], outline(line.from)) : points[0];
  return { ...route, start, tip: end };
}

function pointOf(text: string): Point {
  const [x, y] = text.split(",").map(Number);
  return { x, y };
}
