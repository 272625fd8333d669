/** What is drawn into the circle of each status, around (0, 0), as the path of an SVG. */
export const GLYPHS = {
  pending: "",
  ready: "",
  waiting: "M0 -3.6V0L2.6 1.6",
  running: "M-1.6 -2.8L2.8 0L-1.6 2.8Z",
  completed: "M-3.2 0.2L-1 2.5L3.2 -2.3",
  failed: "M-2.6 -2.6L2.6 2.6M2.6 -2.6L-2.6 2.6",
  skipped: "M-3.2 0H3.2",
  cancelled: "M-2.8 2.8L2.8 -2.8",
  paused: "M-1.8 -2.8V2.8M1.8 -2.8V2.8",
  copied: "M-3.4 0H3M0.4 -2.8L3.2 0L0.4 2.8",
} as const;
