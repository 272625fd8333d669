/** What the verbs of clients are given. */
import { checkNonEmptyString } from "../base/check.js";
import type { Answers, Submission } from "../stores/queue/queue.js";
import type { RunStore } from "../stores/store.js";
import { requirePaused } from "./paused-nodes.js";
import { SubmittedRun } from "./submitted-run.js";

/** @throws {TypeError} | {RangeError} unless it is a run, or the id of one */
export function idOf(run: string | SubmittedRun<any, any>): string {
  if (run instanceof SubmittedRun) return run.runId;
  checkNonEmptyString("runId", run);
  return run;
}

export function answersOf(provide: Readonly<Record<string, unknown>>): Answers {
  const names = Object.keys(provide);
  return { provide, check: (run) => requirePaused(run, names) };
}

/** Copies of a record's values, see `RunStore.copyOf`. */
export function copiesOf<R extends object>(store: RunStore, record: R): R {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, store.copyOf(value)])) as R;
}

export function dueOf(delay: number | Date | undefined): Submission["due"] {
  if (delay === undefined) return undefined;
  return delay instanceof Date ? { at: delay.getTime() } : { in: delay };
}
