import { AssertionError } from "node:assert";
import { checkOptions, label, show, type OptionName, type Rules } from "../base/check.js";
import type { ExecutorName, Mode, RunOptions } from "../index.js";
import { difference, outcomeOf, type Outcome } from "./outcome.js";
import { runRulesWithout } from "./run-rules.js";
import { workflowOf } from "./workflow-source.js";

/** The options of {@link assertSameResults}: those of the runs, and the modes and executors to compare. */
export interface SameResultsOptions extends Omit<RunOptions, "mode" | "executor" | "runId" | "store"> {
  /** @defaultValue all but `hybrid`, which needs backends */
  readonly modes?: readonly Mode[] | undefined;
  /** Of a dag. @defaultValue all */
  readonly executors?: readonly ExecutorName[] | undefined;
}

const MODES: readonly Mode[] = ["sequential", "async", "parallel"];
const EXECUTORS: readonly ExecutorName[] = ["workQueue", "level", "reactive"];

const RULES: Rules<SameResultsOptions> = {
  ...runRulesWithout("mode", "executor", "runId", "store"),
  modes: listOf([...MODES, "hybrid"]),
  executors: listOf(EXECUTORS),
};

/**
 * Runs a workflow in each mode and under each executor, one after the other, and compares the results, the statuses and the
 * error.
 * @param workflow - a dag, an fsm, an annotated class, or an instance of one
 * @throws {AssertionError} naming the first node with two results, the results, and the modes; whatever `run` throws before
 *   anything runs; {TypeError} for bad options
 */
export async function assertSameResults(workflow: object, options: SameResultsOptions = {}): Promise<void> {
  checkOptions(options, RULES, "assertSameResults");
  const { modes, executors, ...given } = options;
  const { kind, ...runnable } = known(workflow);
  const ways = (modes ?? MODES).flatMap((mode) =>
    kind === "dag" ? (executors ?? EXECUTORS).map((executor) => ({ mode, executor })) : [{ mode }],
  );
  let first: { readonly way: object; readonly outcome: Outcome } | undefined;
  for (const way of ways) {
    const outcome = await outcomeOf(runnable.run({ ...given, ...way }));
    first ??= { way, outcome };
    const found = difference(first.outcome, outcome);
    if (found === undefined) continue;
    throw new AssertionError({
      message:
        `Workflow "${runnable.name}" has different results. With ${nameOf(first.way)} and ${nameOf(way)}, ${found}. ` +
        "Functions should keep no state between calls, and return plain data.",
      actual: outcome,
      expected: first.outcome,
      stackStartFn: assertSameResults,
    });
  }
}

function known(source: object) {
  const workflow = workflowOf(source, "assertSameResults");
  const run = (options: object): Promise<unknown> => workflow.run(options);
  return { kind: workflow.kind, name: workflow.name, run };
}

function nameOf(way: object): string {
  return Object.values(way).join("/");
}

function listOf(names: readonly string[]) {
  return (option: OptionName, value: unknown) => {
    if (Array.isArray(value) && value.length > 0 && value.every((name) => names.includes(name as string))) return;
    throw new TypeError(`${label(option)} must be a list of ${names.join(", ")}; received ${show(value)}.`);
  };
}
