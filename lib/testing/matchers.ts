import { inspect } from "node:util";
import { show } from "../base/check.js";
import { messageOf } from "../base/message.js";
import type { FsmResult, RunResult } from "../index.js";

/** What a matcher says, in the form that `expect.extend` of Vitest and Jest takes. */
export interface Verdict {
  readonly pass: boolean;
  /** Why it fails, also under `.not`. */
  message(): string;
}

/**
 * The matchers as members of what `expect` returns. To have them typed, add one of these to a file of your tests:
 *
 * - Vitest: `declare module "vitest" { interface Matchers<T = any> extends RunMatchers<T> {} }`
 * - Jest: `declare global { namespace jest { interface Matchers<R> extends RunMatchers<R> {} } }`
 */
export interface RunMatchers<R = unknown> {
  /** The run has completed; with names, these nodes or states have. */
  toHaveCompleted(...names: string[]): R;
  /** Each of these nodes was skipped. */
  toHaveSkipped(name: string, ...names: string[]): R;
  /**
   * The run has failed, or the node or state: with an error that has this class, or this code, or whose message, or that of
   * a cause, has this text in it.
   */
  toHaveFailedWith(error: FailedWith, name?: string): R;
  /** The run of an fsm has entered these states, in this order; others may be in between. */
  toHaveVisited(state: string, ...states: string[]): R;
}

/** How an error is identified: its class, its code, or its message. */
export type FailedWith = string | RegExp | (abstract new (...args: any[]) => Error);

type AnyRun = RunResult<any> | FsmResult<any>;

/**
 * Matchers for results of runs, and for the errors that runs reject with: `expect.extend(matchers)`, of Vitest or Jest. See
 * {@link RunMatchers}.
 * @throws {TypeError} for anything but a run, and for names that it does not have
 */
export const matchers: { readonly [K in keyof RunMatchers]: (received: unknown, ...args: any[]) => Verdict } = {
  toHaveCompleted(received, ...names: string[]) {
    const run = runIn(received, "toHaveCompleted");
    const others = names.filter((name) => statusOf(run, name) !== "completed");
    if (names.length === 0) return verdict(run.status === "completed", `${String(run)} to have completed`, whatOf(run));
    return verdict(others.length === 0, `${list(names)} of ${String(run)} to have completed`, statuses(run, others));
  },

  toHaveSkipped(received, ...names: string[]) {
    const run = runIn(received, "toHaveSkipped");
    if (!isDagRun(run))
      throw new TypeError(
        `toHaveSkipped is for runs of dags; ${String(run)} is one of an fsm. Use .not.toHaveVisited.`,
      );
    requireNames(names, "toHaveSkipped");
    const others = names.filter((name) => statusOf(run, name) !== "skipped");
    return verdict(others.length === 0, `${list(names)} of ${String(run)} to be skipped`, statuses(run, others));
  },

  toHaveFailedWith(received, expected: FailedWith, name?: string) {
    const run = runIn(received, "toHaveFailedWith");
    const errors = errorsOf(received, run, name);
    const what = name === undefined ? String(run) : `"${name}" of ${String(run)}`;
    const found = errors.length === 0 ? "it has no error" : `its errors are:\n${errors.map(told).join("\n")}`;
    const pass = errors.some((error) => causesOf(error).some((cause) => isOf(cause, expected)));
    return verdict(pass, `${what} to have failed with ${expectation(expected)}`, found);
  },

  toHaveVisited(received, ...states: string[]) {
    const run = runIn(received, "toHaveVisited");
    if (isDagRun(run))
      throw new TypeError(`toHaveVisited is for runs of fsms; ${String(run)} is one of a dag. Use toHaveCompleted.`);
    requireNames(states, "toHaveVisited");
    const { stateHistory, metrics } = run;
    for (const state of states) requireKnown(run, state, Object.keys(metrics.visits));
    let found = 0;
    for (const state of stateHistory) if (state === states[found]) found++;
    const visited = stateHistory.length === 0 ? "it visited none" : `it visited ${stateHistory.join(" → ")}`;
    return verdict(found === states.length, `${String(run)} to have visited ${states.join(" → ")}`, visited);
  },
};

function verdict(pass: boolean, expected: string, found: string): Verdict {
  const not = pass ? expected.replace(/ to (?=have|be)/u, " not to ") : expected;
  return { pass, message: () => `Expected ${not}; ${found}.` };
}

/** The run that a value is, or that failed with it. */
function runIn(received: unknown, matcher: string): AnyRun {
  for (const value of [received, (received as { readonly run?: unknown } | null | undefined)?.run]) {
    if (typeof value === "object" && value !== null && "runId" in value && "results" in value) return value as AnyRun;
  }
  throw new TypeError(
    `${matcher} is for the result of a run, or the error that it rejected with; received ${show(received)}. ` +
      `Await the run first: expect(await dag.run()), or expect(await dag.run().catch((error) => error)).`,
  );
}

function isDagRun(run: AnyRun): run is RunResult<any> {
  return "nodes" in run;
}

function requireNames(names: readonly string[], matcher: string): void {
  if (names.length > 0 && names.every((name) => typeof name === "string")) return;
  throw new TypeError(`${matcher} takes names; received ${names.length === 0 ? "none" : names.map(show).join(", ")}.`);
}

function requireKnown(run: AnyRun, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const word = isDagRun(run) ? "node" : "state";
  throw new TypeError(`Workflow "${run.workflow}" has no ${word} ${show(name)}; it has: ${known.join(", ")}.`);
}

function statusOf(run: AnyRun, name: string): string {
  if (isDagRun(run)) {
    requireKnown(run, name, Array.from(run.nodes.keys()));
    return (run.nodes.get(name) as { readonly status: string }).status;
  }
  requireKnown(run, name, Object.keys(run.metrics.visits));
  if (run.has(name)) return "completed";
  return run.error(name) === undefined ? "not visited" : "failed";
}

function statuses(run: AnyRun, names: readonly string[]): string {
  return names.length === 0 ? "all of them are" : names.map((name) => `"${name}" is ${statusOf(run, name)}`).join(", ");
}

function whatOf(run: AnyRun): string {
  const errors = run.errors.map(told);
  return errors.length === 0 ? `it is ${run.status}` : `it is ${run.status}:\n${errors.join("\n")}`;
}

function list(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

/** The errors of a node, or of a run: with the one that it rejected with, if that was received. */
function errorsOf(received: unknown, run: AnyRun, name: string | undefined): readonly Error[] {
  if (name === undefined) return received === run ? run.errors : [received as Error, ...run.errors];
  statusOf(run, name);
  const error = run.error(name);
  return error === undefined ? [] : [error];
}

/** An error, and what caused it, and what caused that. */
function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (let cause = error; cause !== undefined && !causes.includes(cause); cause = (cause as Error | null)?.cause)
    causes.push(cause);
  return causes;
}

function isOf(error: unknown, expected: FailedWith): boolean {
  if (typeof expected === "function") return error instanceof expected;
  const message = messageOf(error);
  if (expected instanceof RegExp) return expected.test(message);
  return message.includes(expected) || (error as { readonly code?: unknown } | null)?.code === expected;
}

function expectation(expected: FailedWith): string {
  if (typeof expected === "function") return expected.name;
  if (typeof expected === "string" || expected instanceof RegExp) return inspect(expected);
  throw new TypeError(`toHaveFailedWith takes an error class, a code, or a message; received ${show(expected)}.`);
}

function told(error: unknown): string {
  return `${(error as Error).name}: ${messageOf(error)}`;
}
