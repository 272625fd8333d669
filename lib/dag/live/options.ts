import { checkOptions, type OtherNames, type Rules } from "../../base/check.js";
import { DAG_RUN_RULES, type DagOptions, type RunOptions } from "../options.js";

const OPTIONS = [
  "inputs",
  "mode",
  "concurrency",
  "maxWorkers",
  "pool",
  "backends",
  "scheduler",
  "hooks",
  "telemetry",
  "metadata",
  "strict",
] as const satisfies readonly (keyof RunOptions)[];

/**
 * The options of a live dag. They mean what they mean in a run, except that the mode is `async` by default: a slow node
 * holds up no other. The dag's `runOptions` apply as far as live dags have them.
 */
export type LiveOptions<G = Record<string, unknown>, I extends object = Record<string, any>> = Pick<
  RunOptions<G, I>,
  (typeof OPTIONS)[number]
>;

const RULES = Object.fromEntries(
  OPTIONS.map((option) => [option, DAG_RUN_RULES[option]]),
) as unknown as Rules<LiveOptions>;

/** What to use instead of options that only runs have. */
const ELSEWHERE: OtherNames = {
  store: "runs, since a live dag is not recorded",
  runId: "runs, since a live dag is not recorded",
  observers: "subscribe",
  logger: "runs",
  onProgress: "subscribe",
  errorStrategy: 'errorStrategy: "continueNone" of nodes',
  errorHandler: "errors",
  signal: "close",
  timeout: "the timeout of nodes",
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkLiveOptions(options: LiveOptions<any>): void {
  checkOptions(options, RULES, "a live dag", ELSEWHERE);
}

/**
 * The dag's `runOptions` that a live dag takes.
 * @throws {TypeError} when all runs of the dag are recorded, which a live dag can't be
 */
export function liveDefaults({ runOptions }: DagOptions<any, any>): LiveOptions<any> | undefined {
  if (runOptions === undefined) return undefined;
  if (runOptions.store !== undefined) {
    throw new TypeError(
      'A live dag is not recorded, but the "runOptions" of its dag have a store. Pass the store to runs instead.',
    );
  }
  return Object.fromEntries(OPTIONS.map((option) => [option, runOptions[option]])) as LiveOptions<any>;
}
