import type { AttemptRow } from "./schema.js";

/**
 * Which of a node's rows tells what became of it: the one that completed it, or else the last word.
 * @param rows - of one node, in order of attempts
 */
export function effectiveAttempt(rows: readonly AttemptRow[]): AttemptRow {
  const first = rows[0];
  const last = rows[rows.length - 1];
  const result = rows.find(({ status }) => status === "completed" || status === "copied");
  if (result !== undefined || first.attempt > 0 || first.status === "superseded") return result ?? last;
  // What became of it without an attempt may be older than what a resumed run tried.
  return first === last || (first.finished_at ?? 0) >= (last.finished_at ?? Infinity) ? first : last;
}
