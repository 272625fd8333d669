/**
 * How a run ended. `completed`: at its end, without a failure that no fallback replaced. `failed`: by an error, or at
 * its end although a node failed. `cancelled`: by its handle, its signal or its store. `paused`: before its end, to be
 * resumed.
 */
export type RunStatus = "completed" | "failed" | "cancelled" | "paused";

/** `copied` means that the result comes from another run. */
export type NodeStatus =
  "pending" | "ready" | "running" | "completed" | "failed" | "skipped" | "cancelled" | "paused" | "copied";

/** Node statuses as numbers, for compact arrays. */
export const Status = {
  pending: 0,
  ready: 1,
  running: 2,
  completed: 3,
  failed: 4,
  skipped: 5,
  cancelled: 6,
  paused: 7,
  copied: 8,
} as const;

/** The names, by number. */
export const STATUS_NAMES = Object.keys(Status) as NodeStatus[];
