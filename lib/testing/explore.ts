import { checkOptions, integer, type Rules } from "../base/check.js";
import { currentClockwork, setClockwork } from "../base/clockwork.js";
import type { RunOptions } from "../index.js";
import { guidedBy, oneByOne, randomChoices, SystematicChoices, type Chooser } from "./orders/choosers.js";
import { keepFields } from "./orders/fields.js";
import { runInOrder, type Trace } from "./orders/run-in-order.js";
import { spelledOut } from "./orders/steps.js";
import { shrink } from "./orders/shrink.js";
import { difference, type Outcome } from "./outcome.js";
import { replaceTime } from "./time/replace-time.js";
import { Timeline } from "./time/timeline.js";
import { runRulesWithout } from "./run-rules.js";
import { freshWorkflow } from "./workflow-source.js";

/** The options of {@link explore}: those of the runs, and how many to try. */
export interface ExploreOptions extends Omit<RunOptions, "mode" | "hooks" | "runId" | "store" | "executor"> {
  /** How many orders to try at most. @defaultValue 1000 */
  readonly seeds?: number | undefined;
}

/** An order, and what became of the run. */
export interface ExploredOrder extends Outcome {
  /** What happened, step by step: `load starts`, `a and b start together`, `load ends`, `time passes`. */
  readonly order: readonly string[];
}

/** What {@link explore} has found. */
export interface Exploration {
  /** Whether all orders that were tried gave the same results, statuses and error. */
  readonly deterministic: boolean;
  /** How many different orders were tried. */
  readonly orders: number;
  /** Whether these are all that there are. */
  readonly complete: boolean;
  /** Two orders with different outcomes: as a rule, they differ by two neighbours that have changed places. */
  readonly pair?: readonly [ExploredOrder, ExploredOrder];
  /** The first node with two results, and these, in words. */
  readonly difference?: string;
  /**
   * What the results depend on. `state`: the same order gave two outcomes, since functions keep state from run to run, or go
   * by chance. Then explore a class, or a function that makes the workflow.
   */
  readonly dependsOn?: "order" | "state";
}

const RULES: Rules<ExploreOptions> = {
  ...runRulesWithout("mode", "hooks", "runId", "store", "executor"),
  seeds: integer(1),
};

const DEFAULT_SEEDS = 1000;

/** The time in each run: functions may return it. */
const START = Date.UTC(2026, 0, 1);

/**
 * Runs a workflow in many orders, and reports whether its results depend on them: which of the nodes that are ready starts
 * first, or together with others; which ends first of those that are done; what a timer comes before. Every other order is
 * the next of all that there are, until all of few have been tried; the rest are random, the same ones each time. It stops at
 * the first difference.
 *
 * Runs are in mode `async`, in virtual time. Each has an instance of its own of a class; the fields of other instances are
 * put back in between, if they hold data. Cost: a run takes about a millisecond, and that of its functions.
 * @param workflow - a dag, an fsm, an annotated class, an instance of one, or a function that makes one of these for each run
 * @throws whatever a run throws before anything runs; {Error} when one does not end, or the time is virtual already
 */
export async function explore(workflow: object, options: ExploreOptions = {}): Promise<Exploration> {
  checkOptions(options, RULES, "explore");
  const { seeds = DEFAULT_SEEDS, ...given } = options;
  if (currentClockwork() !== undefined) {
    throw new Error("explore has a virtual time of its own. Call it when no virtualTime() is in place.");
  }
  const restore = keepFields(freshWorkflow(workflow, "explore"));
  const timeline = new Timeline(START);
  const putBack = replaceTime(timeline);
  setClockwork(timeline);
  try {
    return await search(seeds, (choose) => {
      restore();
      timeline.begin(START);
      return runInOrder(freshWorkflow(workflow, "explore"), given, timeline, choose);
    });
  } finally {
    restore();
    setClockwork(undefined);
    putBack();
  }
}

async function search(seeds: number, run: (choose: Chooser) => Promise<Trace>): Promise<Exploration> {
  const systematic = new SystematicChoices();
  const first = await run(systematic.begin());
  const orders = new Set<string>([first.order.join("\n")]);
  const runGuided = (order: readonly string[]) => run(guidedBy(order));
  const again = await runGuided(first.order);
  if (difference(first.outcome, again.outcome) !== undefined) return found([first, again], orders.size, "state");
  if (!systematic.next()) return { deterministic: true, orders: 1, complete: true };
  for (let seed = 1; seed < seeds; seed++) {
    const isRandom = seed % 2 === 1;
    const trace = await run(isRandom ? randomChoices(seed) : systematic.begin());
    orders.add(trace.order.join("\n"));
    if (difference(first.outcome, trace.outcome) !== undefined) {
      const repeated = await runGuided(trace.order);
      if (difference(trace.outcome, repeated.outcome) !== undefined)
        return found([trace, repeated], orders.size, "state");
      return found(await smallestPair(first, trace, run), orders.size, "order");
    }
    if (!isRandom && !systematic.next()) return { deterministic: true, orders: orders.size, complete: true };
  }
  return { deterministic: true, orders: orders.size, complete: false };
}

/** Simultaneous starts are only in it where they matter. */
async function smallestPair(a: Trace, b: Trace, run: (choose: Chooser) => Promise<Trace>) {
  const guided = (order: readonly string[]) => run(guidedBy(order));
  const apart = (order: readonly string[]) => run(oneByOne(guidedBy(order)));
  const [one, other] = [await apart(a.order), await apart(b.order)];
  const isEnough = difference(one.outcome, other.outcome) !== undefined;
  return isEnough ? shrink(one, other, apart) : shrink(a, b, guided);
}

function found([a, b]: readonly [Trace, Trace], orders: number, dependsOn: "order" | "state"): Exploration {
  const explored = ({ order, outcome }: Trace): ExploredOrder => ({ order: spelledOut(order), ...outcome });
  const pair = [explored(a), explored(b)] as const;
  return {
    deterministic: false,
    orders,
    complete: false,
    pair,
    difference: difference(a.outcome, b.outcome),
    dependsOn,
  };
}
