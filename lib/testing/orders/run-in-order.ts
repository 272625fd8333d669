import type { RunOptions } from "../../index.js";
import { outcomeOf, type Outcome } from "../outcome.js";
import { quiet } from "../time/quiet.js";
import type { Timeline } from "../time/timeline.js";
import type { AnyWorkflow } from "../workflow-source.js";
import type { Chooser } from "./choosers.js";
import { GO_ON, Steps, type Step } from "./steps.js";

/** One order in which things happened in a run, and what became of it. */
export interface Trace {
  /** What happened, step by step. */
  readonly order: readonly string[];
  readonly outcome: Outcome;
}

/** The same in every order, since functions may return it. */
const RUN_ID = "explored";

/** How long to wait for a server before giving up, in ms of real time. */
const MAX_WAIT = 10_000;

/**
 * Runs a workflow in the order that a chooser decides: which node starts, at the same moment as others or when these have
 * gone as far as they can; which one ends, of those whose functions are done; and when timers fire, the first of them first.
 * @throws {Error} when the run waits for something that does not come
 */
export async function runInOrder(
  workflow: AnyWorkflow,
  options: RunOptions<any>,
  timeline: Timeline,
  choose: Chooser,
): Promise<Trace> {
  const steps = new Steps(RUN_ID);
  const order: string[] = [];
  let outcome: Outcome | undefined;
  let failure: { readonly error: unknown } | undefined;
  void outcomeOf(workflow.run({ ...options, mode: "async", runId: RUN_ID, hooks: steps.hooks })).then(
    (found) => (outcome = found),
    (error: unknown) => (failure = { error }),
  );
  await quiet();
  let hasStarted = false;
  let lastStep = timeline.outside.now();
  while (outcome === undefined && failure === undefined) {
    const possible = possibleSteps(steps, timeline, hasStarted);
    if (possible.length === 0) {
      if (timeline.outside.now() - lastStep > MAX_WAIT) throw stuck(workflow, order);
      await timeline.outside.sleep(1);
      await quiet();
      continue;
    }
    const step = possible[choose(possible)];
    order.push(step.label);
    step.take();
    hasStarted = step.isStart;
    if (!hasStarted) await quiet();
    lastStep = timeline.outside.now();
  }
  if (failure !== undefined) throw failure.error;
  return { order, outcome: outcome as unknown as Outcome };
}

function possibleSteps(steps: Steps, timeline: Timeline, hasStarted: boolean): Step[] {
  const { first } = timeline;
  const pass = { label: "time passes", isStart: false, take: () => timeline.fireFirst() };
  return [
    ...steps.ending,
    ...(hasStarted ? [GO_ON] : []),
    ...steps.starting,
    ...(first === undefined || hasStarted ? [] : [pass]),
  ];
}

function stuck({ name }: AnyWorkflow, order: readonly string[]): Error {
  return new Error(
    `Workflow "${name}" does not end: it waits for something that does not come, after ${order.slice(-5).join(", ") || "nothing"}. ` +
      "Explore workflows that wait for no events, and mock nodes that wait for servers.",
  );
}
