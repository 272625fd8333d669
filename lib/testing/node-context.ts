import { checkNumber, checkOptions, checkRecord, type Rules } from "../base/check.js";
import { resolveWorkflow } from "../definition/subworkflow.js";
import type { ChildRunOptions, Context, FsmContext } from "../index.js";
import { logLine } from "../run/log-line.js";
import type { AnyWorkflow } from "./workflow-source.js";

/** What the function of a node or a state sees of its run, as far as a test gives it. */
export type ContextParts = Partial<Omit<FsmContext & Context, "trigger">> & { readonly trigger?: string | undefined };

const RULES: Rules<ContextParts> = {
  runId: "string",
  workflow: "string",
  nodeName: "string",
  item: "object",
  attempt: "any",
  idempotencyKey: "string",
  inputs: checkRecord,
  trigger: "string",
  signal: "object",
  metadata: checkRecord,
  metrics: checkRecord,
  get: "function",
  has: "function",
  results: checkRecord,
  progress: "function",
  log: "function",
  run: "function",
  cycle: "any",
  stateHistory: "object",
  cycleResults: "object",
  getHistory: "function",
  getCycle: "function",
  getLatest: "function",
};

/**
 * The context of a node or state that runs alone: what is given, and elsewhere that of a run's first attempt.
 * @throws {TypeError} for parts that contexts don't have
 */
export function contextFor(workflow: AnyWorkflow, node: string, given: ContextParts): Context & FsmContext {
  checkOptions(given, RULES, "the context");
  const runId = given.runId ?? "test";
  const results = given.results ?? {};
  const cycles = given.cycleResults ?? [];
  const valuesOf = (state: string) => cycles.filter((cycle) => cycle.state === state).map(({ value }) => value);
  return {
    runId,
    workflow: workflow.name,
    nodeName: node,
    attempt: 1,
    idempotencyKey: `${runId}/${node}`,
    inputs: {},
    trigger: undefined,
    signal: new AbortController().signal,
    metadata: {},
    metrics: {},
    results,
    get: (name, fallback) => (Object.hasOwn(results, name) ? results[name] : fallback),
    has: (name) => Object.hasOwn(results, name),
    progress: (fraction) => checkNumber("fraction", fraction, { min: 0, max: 1 }),
    log: (...line) => void logLine(...line),
    run: runInside as Context["run"],
    cycle: cycles.length,
    stateHistory: cycles.map(({ state }) => state),
    cycleResults: cycles,
    getHistory: valuesOf,
    getCycle: (state, index) => valuesOf(state).at(index),
    getLatest: (state) => valuesOf(state).at(-1),
    ...(given as object),
  };
}

function runInside(workflow: object, { inputs, errorStrategy, timeout }: ChildRunOptions = {}): Promise<unknown> {
  return (resolveWorkflow(workflow) as unknown as AnyWorkflow).run({ inputs, errorStrategy, timeout });
}
