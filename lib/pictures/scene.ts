import type { NodeStatus } from "../index.js";

/** The outline of a box, by what the node is. */
export type Shape = "box" | "fork" | "join" | "map" | "workflow" | "event" | "state" | "terminal" | "start";

/** Identifies a part of a picture. */
export interface Identity {
  readonly id: string;
  /** The path of the node, such as `check.total`; undefined for what is none. */
  readonly path: string | undefined;
}

/** A node as it is drawn. */
export interface Box extends Identity {
  readonly shape: Shape;
  /** The name. */
  readonly lines: readonly string[];
  /** What else there is to say; undefined if nothing. */
  readonly note: string | undefined;
  /** Undefined without a run. */
  readonly status: NodeStatus | undefined;
  readonly isCritical: boolean;
  /** Whether it has no lines of its own, and comes last. */
  readonly isApart: boolean;
  /** All there is to say. */
  readonly tooltip: string;
  /** The width of the sign and the texts, in pixels. */
  readonly content: number;
  readonly width: number;
  readonly height: number;
}

/** A workflow in a node. */
export interface Group extends Identity {
  readonly title: string;
  readonly status: NodeStatus | undefined;
  readonly isCritical: boolean;
  readonly tooltip: string;
  readonly parts: readonly Part[];
  /** The parts by the name of their node. */
  readonly byName: ReadonlyMap<string, Part>;
  /** The boxes that edges to the group lead to, and that edges from it come from. */
  readonly entries: readonly string[];
  readonly exits: readonly string[];
}

export type Part = Box | Group;

export function isGroup(part: Part): part is Group {
  return "parts" in part;
}

/** `after` passes no data, `stream` items while they come; `error` leads to an error state. */
export type LineStyle = "plain" | "optional" | "after" | "stream" | "error";

/** Of a run: on the critical path, passed, not passed; undefined without a run. */
export type LineUse = "critical" | "used" | "unused" | undefined;

/** An edge as it is drawn, between boxes. */
export interface Line {
  readonly from: string;
  readonly to: string;
  /** The group at whose border the line begins or ends. */
  readonly fromGroup: string | undefined;
  readonly toGroup: string | undefined;
  /** Empty for none. */
  readonly label: string;
  readonly style: LineStyle;
  readonly use: LineUse;
  /** Whether it connects parts of a group. */
  readonly isInside: boolean;
  readonly tooltip: string;
}

/** What a picture shows, before anything has a place. */
export interface Scene {
  readonly parts: readonly Part[];
  readonly lines: readonly Line[];
}

/** All boxes and groups, the outer ones first. */
export function* partsIn(parts: readonly Part[]): Generator<Part> {
  for (const part of parts) {
    yield part;
    if (isGroup(part)) yield* partsIn(part.parts);
  }
}
