import type { NodeStatus } from "../index.js";

/** The colours of what has a status. */
export interface Look {
  readonly fill: string;
  readonly stroke: string;
}

/** The colours of a theme, as `#rrggbb`. */
export interface Palette {
  readonly ground: string;
  readonly text: string;
  /** The colour of secondary text. */
  readonly faint: string;
  readonly line: string;
  /** Of lines along which nothing passed. */
  readonly unused: string;
  /** Of the critical path. */
  readonly strong: string;
  /** Of lines to error states. */
  readonly error: string;
  /** Of groups, one in another: darker or lighter than the ground. */
  readonly group: string;
  readonly groupLine: string;
  /** Of boxes without a status. */
  readonly plain: Look;
  readonly statuses: Readonly<Record<NodeStatus, Look>>;
}

/**
 * The themes. Texts have a contrast of 4.5:1 or more to what is behind them, outlines and signs of 3:1, as WCAG 2.2
 * asks at level AA.
 */
export const PALETTES: Readonly<Record<"light" | "dark", Palette>> = {
  light: {
    ground: "#ffffff",
    text: "#18202b",
    faint: "#52606f",
    line: "#5b6878",
    unused: "#b3bcc7",
    strong: "#18202b",
    error: "#c42b2b",
    group: "#f5f7f9",
    groupLine: "#7d8998",
    plain: { fill: "#ffffff", stroke: "#5b6878" },
    statuses: {
      pending: { fill: "#ffffff", stroke: "#7d8998" },
      ready: { fill: "#eef8fd", stroke: "#0b7fb0" },
      waiting: { fill: "#fdf8e3", stroke: "#96690a" },
      running: { fill: "#ebf2fe", stroke: "#2360d8" },
      completed: { fill: "#ecf8ef", stroke: "#1a7f37" },
      failed: { fill: "#fdeeee", stroke: "#c42b2b" },
      skipped: { fill: "#ffffff", stroke: "#7d8998" },
      cancelled: { fill: "#fdf1e7", stroke: "#b3510d" },
      paused: { fill: "#f4effe", stroke: "#7340d3" },
      copied: { fill: "#e9f8f6", stroke: "#0f766e" },
    },
  },
  dark: {
    ground: "#0f1419",
    text: "#e8edf2",
    faint: "#a7b3c0",
    line: "#8c99a8",
    unused: "#414c59",
    strong: "#f4f7fa",
    error: "#f47171",
    group: "#161d25",
    groupLine: "#66727f",
    plain: { fill: "#1b232c", stroke: "#8c99a8" },
    statuses: {
      pending: { fill: "#12181f", stroke: "#6f7c8b" },
      ready: { fill: "#0c2733", stroke: "#45b5e6" },
      waiting: { fill: "#2a230b", stroke: "#d9a520" },
      running: { fill: "#132443", stroke: "#6aa0fb" },
      completed: { fill: "#10291a", stroke: "#45b864" },
      failed: { fill: "#331618", stroke: "#f47171" },
      skipped: { fill: "#12181f", stroke: "#6f7c8b" },
      cancelled: { fill: "#2f1d0d", stroke: "#ef9145" },
      paused: { fill: "#241b3d", stroke: "#ab8af5" },
      copied: { fill: "#0b2a28", stroke: "#33bfae" },
    },
  },
};
