import type { RunResult } from "dagwright";

/** Of a run, what the reference evaluator says of it too. */
export function observed(run: RunResult<any>) {
  const statuses = Object.fromEntries(Array.from(run.nodes, ([name, { status }]) => [name, status]));
  return { status: run.status, statuses, results: { ...run.results } };
}
