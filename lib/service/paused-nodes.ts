import { notPaused } from "../engine/durable/restore.js";
import type { RecordedRun } from "../stores/store.js";

/** How services continue a run that is resumed without a value. */
const REMEDIES = {
  dag: ": it runs the nodes that have not completed.",
  fsm: ": it continues in its current state.",
};

/** @throws {ValidationError} VALIDATION naming a node that did not pause the run, and those that did */
export function requirePaused(run: RecordedRun, names: readonly string[]): void {
  const last = run.cycles.at(-1);
  const paused = new Set(run.pauses.map(({ node }) => node));
  for (const [name, { status }] of run.nodes) if (status === "paused") paused.add(name);
  if (last?.status === "paused") paused.add(last.state);
  const wrong = names.find((name) => !paused.has(name));
  if (wrong !== undefined) throw notPaused(run, wrong, Array.from(paused), REMEDIES);
}
