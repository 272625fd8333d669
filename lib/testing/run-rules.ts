import type { Rules } from "../base/check.js";
import { DAG_RUN_RULES, type PartialRunOptions } from "../dag/options.js";

/** The rules of the options of runs, but for those that are decided for the user. */
export function runRulesWithout<K extends keyof PartialRunOptions>(
  ...names: readonly K[]
): Rules<Omit<PartialRunOptions, K | "from">> {
  const others = Object.entries(DAG_RUN_RULES).filter(([name]) => name !== "from" && !names.includes(name as K));
  return Object.fromEntries(others) as unknown as Rules<Omit<PartialRunOptions, K | "from">>;
}
