import type { RunStore } from "../../stores/store.js";

/** A run that this process drives. */
export interface LiveRun {
  readonly state: { readonly workflow: string; readonly inputs: Readonly<Record<string, unknown>> };
  /** Whether its result is available, even if its end is not recorded yet. */
  readonly isSettled: boolean;
}

/** The runs of one store in this process. */
interface StoreRuns {
  /** The runs driven here, by id. */
  readonly live: Map<string, LiveRun>;
  /** The last operation queued for a run, by run id. */
  readonly lastOperations: Map<string, Promise<unknown>>;
}

const byStore = new WeakMap<RunStore, StoreRuns>();

function runsOf(store: RunStore): StoreRuns {
  let runs = byStore.get(store);
  if (runs === undefined) byStore.set(store, (runs = { live: new Map(), lastOperations: new Map() }));
  return runs;
}

/**
 * Creates or claims a run, or records its end, while no other such operation on it is in progress, first in, first out.
 * If several callers in this process want to drive a run, the first one does, and the others find it. Starts at once if
 * possible.
 */
export function runExclusive<T>(store: RunStore, runId: string, operation: () => Promise<T>): Promise<T> {
  const { lastOperations } = runsOf(store);
  const previous = lastOperations.get(runId);
  const current = previous === undefined ? operation() : previous.then(operation, operation);
  lastOperations.set(runId, current);
  const done = () => {
    if (lastOperations.get(runId) === current) lastOperations.delete(runId);
  };
  current.then(done, done);
  return current;
}

/** The run of this id that this process drives, unless it has settled. */
export function findLiveRun(store: RunStore, runId: string): LiveRun | undefined {
  const run = runsOf(store).live.get(runId);
  return run?.isSettled === true ? undefined : run;
}

export function addLiveRun(store: RunStore, runId: string, run: LiveRun): void {
  runsOf(store).live.set(runId, run);
}

/** Removes the run, unless another one has taken its place. */
export function removeLiveRun(store: RunStore, runId: string, run: LiveRun): void {
  const { live } = runsOf(store);
  if (live.get(runId) === run) live.delete(runId);
}
