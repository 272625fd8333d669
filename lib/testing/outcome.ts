import { inspect, isDeepStrictEqual } from "node:util";
import { messageOf } from "../base/message.js";
import type { FsmResult, RunResult } from "../index.js";

/** What became of a run. Two runs that did the same have equal outcomes. */
export interface Outcome {
  readonly status: string;
  /** The message of the error that it rejected with. */
  readonly error: string | undefined;
  /** By name, of those that have one. */
  readonly results: Readonly<Record<string, unknown>>;
  /** The nodes that have no result, with their statuses; the states of an fsm in their order. */
  readonly others: Readonly<Record<string, string>> | readonly string[];
}

/**
 * The outcome of a run.
 * @throws what the run rejects with, if there was no run
 */
export async function outcomeOf(running: Promise<unknown>): Promise<Outcome> {
  try {
    return outcome((await running) as RunResult | FsmResult, undefined);
  } catch (error) {
    const run = (error as { readonly run?: RunResult | FsmResult } | null)?.run;
    if (run === undefined) throw error;
    return outcome(run, causeOf(error));
  }
}

function outcome(run: RunResult | FsmResult, error: string | undefined): Outcome {
  const others = "nodes" in run ? unfinished(run) : run.stateHistory;
  return { status: run.status, error, results: { ...run.results }, others };
}

function unfinished({ nodes }: RunResult): Record<string, string> {
  const others = Array.from(nodes).filter(([, { status }]) => status !== "completed");
  return Object.fromEntries(others.map(([name, { status }]) => [name, status]));
}

/** The message of what the user's function threw: that of the run has the run's id in it. */
function causeOf(error: unknown): string {
  let cause = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  return messageOf(cause);
}

/** The first difference between two outcomes, as `node "x"` with both values; undefined if there is none. */
export function difference(a: Outcome, b: Outcome): string | undefined {
  for (const name of new Set([...Object.keys(a.results), ...Object.keys(b.results)])) {
    const [one, other] = [a, b].map(({ results }) =>
      Object.hasOwn(results, name) ? text(results[name]) : "no result",
    );
    if (!isDeepStrictEqual(a.results[name], b.results[name]) || one !== other) return `"${name}": ${one} and ${other}`;
  }
  for (const key of ["status", "error", "others"] as const) {
    if (!isDeepStrictEqual(a[key], b[key]))
      return `${key === "others" ? "statuses" : key}: ${text(a[key])} and ${text(b[key])}`;
  }
  return undefined;
}

function text(value: unknown): string {
  return inspect(value, { depth: 4, breakLength: Infinity, maxStringLength: 200, maxArrayLength: 20 });
}
