import type { DagPlan, Ranking } from "../../planning/plan.js";
import type { Executor, ExecutorName } from "./executor.js";
import { LevelByLevel } from "./level.js";
import { Reactive } from "./reactive.js";
import { WorkQueue } from "./work-queue.js";

/** @param lanes - 1 for the nodes of the second lane, which have slots of their own; undefined when there is just one */
export function executorFor(
  name: ExecutorName,
  plan: DagPlan,
  ranking: Ranking,
  lanes: Uint8Array | undefined,
): Executor {
  switch (name) {
    case "workQueue":
      return new WorkQueue(plan, ranking, lanes);
    case "level":
      return new LevelByLevel(plan, ranking, lanes);
    case "reactive":
      return new Reactive(plan, ranking, lanes);
  }
}
