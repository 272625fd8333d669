import type { AttemptRow } from "../database/schema.js";

/**
 * The attempt that determines a node's status: the one that completed it, or else the latest.
 * @param rows - of one node, ordered by attempt
 */
export function effectiveAttempt(rows: readonly AttemptRow[]): AttemptRow {
  const first = rows[0];
  const last = rows[rows.length - 1];
  const result = rows.find(({ status }) => status === "completed" || status === "copied");
  if (result !== undefined || first.attempt > 0 || first.status === "superseded") return result ?? last;
  // The node was settled without an attempt (attempt 0), perhaps before a resumed run attempted it.
  return first === last || (first.finished_at ?? 0) >= (last.finished_at ?? Infinity) ? first : last;
}
