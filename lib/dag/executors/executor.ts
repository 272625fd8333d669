/**
 * When a ready node starts. `workQueue`: as soon as a permit is free, highest priority first, then the longest path
 * behind it. `level`: when every node closer to the entry points has settled. `reactive`: when its last need completes,
 * queued only if it has to wait for a permit.
 */
export type ExecutorName = "workQueue" | "level" | "reactive";

export const EXECUTORS: readonly ExecutorName[] = ["workQueue", "level", "reactive"];

/** Chooses the ready node that starts next. Knows neither needs nor permits. */
export interface Executor {
  /** Called when a node is ready. */
  ready(node: number): void;
  /** Called when a node completed, failed or was skipped. */
  settled?(node: number): void;
  /** Adds back a node that was taken, to wait for a permit again. */
  add(node: number): void;
  /** Takes the node that starts next in a lane, counted from 0; -1 when none may. Each lane has its own permits. */
  take(lane: number): number;
  /** The node that {@link Executor.take} would take from the first lane; -1 when none may start. */
  readonly first: number;
  /** Whether no node waits to start. */
  readonly isEmpty: boolean;
}
