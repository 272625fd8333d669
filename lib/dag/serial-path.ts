import type { DagPlan } from "../planning/plan.js";
import type { RunOptions } from "./options.js";

/**
 * The order in which a run starts its nodes as long as it need not count their needs: the plan's order.
 *
 * This works while no node can be skipped or overtake another. A run leaves the path for good with its first failure, or
 * with its first promise while a permit is free.
 */
export class SerialPath {
  private position = 0;

  constructor(private readonly order: Int32Array) {}

  get isAtEnd(): boolean {
    return this.position === this.order.length;
  }

  /** The next node; there must be one. */
  next(): number {
    return this.order[this.position++];
  }
}

/** Whether plan and options allow for the serial path: all nodes are plain, and start as soon as they can. */
export function allowsSerialPath(plan: DagPlan, { executor, retain }: RunOptions<any>): boolean {
  return plan.isPlain && (executor === undefined || executor === "workQueue") && retain !== "outputs";
}
