import { flowLevels } from "../../planning/flow.js";
import type { DagPlan, Ranking } from "../../planning/plan.js";
import { WorkQueue } from "./work-queue.js";

/**
 * The executor `level`: a node starts when all nodes of earlier levels have settled; within a level, nodes start in order
 * of rank. Source: Kahn's levels, with a barrier after each. Cost: O(nodes + edges) per run.
 */
export class LevelByLevel extends WorkQueue {
  private readonly levelOf: Int32Array;
  /** Unsettled nodes per level. */
  private readonly left: number[] = [];
  /** Ready nodes whose level has not begun. */
  private readonly held: number[][] = [];
  private current = 0;

  constructor(plan: DagPlan, ranking: Ranking, laneOf: Uint16Array | undefined) {
    super(plan, ranking, laneOf);
    this.levelOf = flowLevels(plan.flow, plan.order);
    for (const level of this.levelOf) this.left[level] = (this.left[level] ?? 0) + 1;
  }

  override ready(node: number): void {
    const level = this.levelOf[node];
    if (level <= this.current) this.add(node);
    else (this.held[level] ??= []).push(node);
  }

  settled(node: number): void {
    this.left[this.levelOf[node]]--;
    while (this.left[this.current] === 0) {
      this.current++;
      for (const next of this.held[this.current] ?? []) this.add(next);
    }
  }
}
