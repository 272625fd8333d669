import type { DagPlan, Ranking } from "../../planning/plan.js";
import type { Executor, ExecutorName } from "./executor.js";
import { LevelByLevel } from "./level.js";
import { Reactive } from "./reactive.js";
import { WorkQueue } from "./work-queue.js";

/** @param laneOf - by node; undefined when there is only one lane */
export function executorFor(
  name: ExecutorName,
  plan: DagPlan,
  ranking: Ranking,
  laneOf: Uint16Array | undefined,
): Executor {
  switch (name) {
    case "workQueue":
      return new WorkQueue(plan, ranking, laneOf);
    case "level":
      return new LevelByLevel(plan, ranking, laneOf);
    case "reactive":
      return new Reactive(plan, ranking, laneOf);
  }
}
