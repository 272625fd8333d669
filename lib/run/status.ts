/**
 * How a run ended, or was put away. `completed`: at its end, without a failure that no fallback replaced. `failed`: by an error, or at
 * its end although a node failed. `cancelled`: by its handle, its signal or its store. `paused`: before its end, to be
 * resumed. `waiting`: put away until what it waits for has come.
 */
export type RunStatus = "completed" | "failed" | "cancelled" | "paused" | "waiting";

/** The statuses that runs have in a store. */
export const RUN_STATUSES = [
  "queued",
  "running",
  "completed",
  "failed",
  "cancelled",
  "paused",
  "waiting",
] as const satisfies (RunStatus | "queued" | "running")[];

/** `copied` means that the result comes from another run. */
export type NodeStatus =
  "pending" | "ready" | "waiting" | "running" | "completed" | "failed" | "skipped" | "cancelled" | "paused" | "copied";

/** Node statuses as numbers, for compact arrays. */
export const Status = {
  pending: 0,
  ready: 1,
  waiting: 2,
  running: 3,
  completed: 4,
  failed: 5,
  skipped: 6,
  cancelled: 7,
  paused: 8,
  copied: 9,
} as const;

/** The names, by number. */
export const STATUS_NAMES = Object.keys(Status) as NodeStatus[];
