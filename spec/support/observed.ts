import type { RunResult } from "dagwright";

/** The part of a run that the reference evaluator also computes. */
export function observed(run: RunResult<any>) {
  const statuses = Object.fromEntries(Array.from(run.nodes, ([name, { status }]) => [name, status]));
  return { status: run.status, statuses, results: { ...run.results } };
}
