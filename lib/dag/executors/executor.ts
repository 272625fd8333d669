/**
 * When a node whose needs are there starts. `workQueue`: as soon as there is a free slot, the highest priority first, then the longest way behind it.
 * `level`: when every node that is nearer to the entry points has settled. `reactive`: at the event that its last need
 * completed, without passing through a queue unless it has to wait for a slot.
 */
export type ExecutorName = "workQueue" | "level" | "reactive";

export const EXECUTORS: readonly ExecutorName[] = ["workQueue", "level", "reactive"];

/** Which of the nodes that could start do so next. Knows neither needs nor permits: others tell it of them. */
export interface Executor {
  /** The node's needs are there. */
  ready(node: number): void;
  /** The node completed, failed or was skipped. */
  settled?(node: number): void;
  /** The node was taken out before, and waits for a permit again. */
  add(node: number): void;
  /** Takes the node out that starts next in a lane, counted from 0; -1 when none may. Lanes have permits of their own. */
  take(lane: number): number;
  /** The node that {@link Executor.take} would take out of the first lane; -1 when none may start. */
  readonly first: number;
  /** No node waits to start. */
  readonly isEmpty: boolean;
}
