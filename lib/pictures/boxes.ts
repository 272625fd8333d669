import type { Delay, DagGraph, FsmGraph, GraphNode, NodeKind } from "../index.js";
import type { NodeFacts } from "./run-facts.js";
import type { Box, Identity, Shape } from "./scene.js";
import { SHEET } from "./shapes.js";
import { counted, cut, durationText, oneLine, widthOf, wrap } from "./text.js";

/** Of the titles of groups. */
export const TITLE_SIZE = 12;
export const NAME_SIZE = 13;
export const NOTE_SIZE = 11;
export const NAME_HEIGHT = 17;
export const NOTE_HEIGHT = 15;
/** The space for the sign of a status, left of the text. */
export const SIGN_WIDTH = 22;

const MAX_WIDTH = 190;
const MIN_WIDTH = 76;
const PADDING = { x: 14, y: 8 };
/** How much more outlines with slanted or round ends need, left and right in all. */
const SLANT: Partial<Record<Shape, number>> = {
  fork: 16,
  join: 12,
  event: 14,
  workflow: 14,
  terminal: 8,
  map: 2 * SHEET,
};

/** The longest text of an error in a tooltip, in characters. */
const MAX_REASON = 500;

const SHAPES: Partial<Record<NodeKind, Shape>> = {
  condition: "fork",
  select: "fork",
  when: "fork",
  any: "join",
  all: "join",
  coalesce: "join",
  map: "map",
  workflow: "workflow",
  event: "event",
};

/** A node of a dag as a box. */
export function nodeBox(
  identity: Identity,
  node: GraphNode,
  facts: NodeFacts | undefined,
  { isCritical }: Pick<Box, "isCritical">,
): Box {
  const { name, kind, spec } = node;
  const waits = [
    ...(kind === "node" || kind === "event" ? [] : [kind]),
    ...(spec?.event === undefined ? [] : [`on ${spec.event.name}`]),
    ...(spec?.options.delay === undefined ? [] : [delayText(spec.options.delay)]),
  ];
  const note = facts === undefined ? waits.join(" · ") : [...(kind === "map" ? [] : waits), outcome(facts)].join(" · ");
  const marks = { status: facts?.status, isCritical, isApart: false, tooltip: tooltip(node, facts) };
  return sized(identity, SHAPES[kind] ?? "box", name, note, marks);
}

/** A state as a box. */
export function stateBox(
  identity: Identity,
  node: GraphNode,
  graph: FsmGraph,
  facts: NodeFacts | undefined,
  { takesErrors }: { readonly takesErrors: boolean },
): Box {
  const { delay } = node.spec?.options ?? {};
  const note = [
    ...(takesErrors ? ["on any error"] : []),
    ...(delay === undefined ? [] : [delayText(delay)]),
    ...(facts === undefined || facts.visits === 0 ? [] : [outcome(facts)]),
  ].join(" · ");
  const shape = graph.terminal.includes(node.name) ? "terminal" : "state";
  const marks = { status: facts?.status, isCritical: false, isApart: takesErrors, tooltip: tooltip(node, facts) };
  return sized(identity, shape, node.name, note, marks);
}

function sized(
  identity: Identity,
  shape: Shape,
  name: string,
  given: string,
  marks: Pick<Box, "status" | "isCritical" | "isApart" | "tooltip">,
): Box {
  const lines = wrap(name, NAME_SIZE, MAX_WIDTH, 2);
  const note = given === "" ? undefined : cut(given, NOTE_SIZE, MAX_WIDTH);
  const widths = [...lines.map((line) => widthOf(line, NAME_SIZE)), note === undefined ? 0 : widthOf(note, NOTE_SIZE)];
  const sign = marks.status === undefined ? 0 : SIGN_WIDTH;
  const content = Math.max(...widths) + sign;
  const width = Math.max(MIN_WIDTH, content + 2 * PADDING.x + (SLANT[shape] ?? 0));
  const height = lines.length * NAME_HEIGHT + (note === undefined ? 0 : NOTE_HEIGHT) + 2 * PADDING.y;
  const more = { terminal: 6, map: 2 * SHEET } as Partial<Record<Shape, number>>;
  const sizes = { width: Math.ceil(width), height: Math.max(height, 36) + (more[shape] ?? 0) };
  return { ...identity, ...marks, shape, lines, note, content, ...sizes };
}

/** What became of a node, in a few words; a time alone if it completed. */
export function outcome(facts: NodeFacts): string {
  const { status, attempts, duration, items, cached, waitingFor, visits } = facts;
  const words: string[] = [];
  if (visits !== undefined && (visits > 1 || status === "completed")) words.push(`${visits}×`);
  if (items !== undefined) {
    words.push(counted(items.total, "item"));
    if (items.failed > 0) words.push(`${items.failed} failed`);
  }
  if (status === "waiting" && waitingFor !== undefined) words.push(waitText(waitingFor));
  else if (status !== "completed" && !(status === "failed" && items !== undefined && items.failed > 0))
    words.push(status);
  if (cached) words.push("cached");
  else if (duration !== undefined && visits === undefined) words.push(durationText(duration));
  if (attempts > 1) words.push(counted(attempts, "attempt"));
  return words.length === 0 ? status : words.join(" · ");
}

function waitText(wait: NonNullable<NodeFacts["waitingFor"]>): string {
  return "event" in wait ? `waits for ${wait.event}` : `waits until ${dateText(wait.until)}`;
}

function dateText(at: number): string {
  return `${new Date(at).toISOString().replace("T", " ").slice(0, 16)} UTC`;
}

/** `after 1.5 s`, `at 2026-11-26 12:00 UTC`, `after a delay` if that is computed. */
function delayText(delay: Delay): string {
  if (typeof delay === "function") return "after a delay";
  return typeof delay === "number" ? `after ${durationText(delay)}` : `at ${dateText(delay.getTime())}`;
}

/** All there is to say of a node: its name in full, what it is, what became of it and why. */
export function tooltip({ name, kind, spec }: GraphNode, facts: NodeFacts | undefined): string {
  const lines = [name, kind];
  if (spec?.description !== undefined) lines.push(spec.description);
  if (facts !== undefined) {
    const words = outcome(facts);
    lines.push(words.includes(facts.status) ? words : `${facts.status} · ${words}`);
    if (facts.reason !== undefined) lines.push(reasonText(facts.reason));
  }
  return lines.join("\n");
}

function reasonText(reason: string): string {
  const line = oneLine(reason);
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line;
}

/** The kinds of edges of a dag between two nodes, in words. */
export function edgeText({ from, to, output, role, optional, orderOnly, stream }: DagGraph["edges"][number]): string {
  const source = output === undefined ? from : `${from}.${output}`;
  const verb = orderOnly ? "waits for" : stream ? "streams" : optional ? "needs, if there is one," : "needs";
  return `${to} ${verb} ${source}${role === undefined ? "" : ` as ${role}`}`;
}
