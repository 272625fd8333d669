import type { RunStore } from "../../stores/store.js";

/** A run that this process drives. */
export interface LiveRun {
  readonly state: { readonly workflow: string; readonly inputs: Readonly<Record<string, unknown>> };
  /** Its result is out, though how it ended may be yet to be recorded. */
  readonly isSettled: boolean;
}

/** What a process knows of the runs in one store. */
interface Desk {
  /** The runs that it drives, by id. */
  readonly runs: Map<string, LiveRun>;
  /** What it is doing, or about to do, with a run as a whole. */
  readonly turns: Map<string, Promise<unknown>>;
}

const desks = new WeakMap<RunStore, Desk>();

function deskOf(store: RunStore): Desk {
  let desk = desks.get(store);
  if (desk === undefined) desks.set(store, (desk = { runs: new Map(), turns: new Map() }));
  return desk;
}

/**
 * Makes a run, takes it up, or records its end: one after the other, so that of several who want to drive a run of this
 * process the later ones find what the first has made of it. Begins at once when nothing of the kind is under way.
 */
export function inTurn<T>(store: RunStore, runId: string, work: () => Promise<T>): Promise<T> {
  const { turns } = deskOf(store);
  const before = turns.get(runId);
  const turn = before === undefined ? work() : before.then(work, work);
  turns.set(runId, turn);
  const over = () => {
    if (turns.get(runId) === turn) turns.delete(runId);
  };
  turn.then(over, over);
  return turn;
}

/** The run that this process drives under this id, unless its result is out. */
export function liveRun(store: RunStore, runId: string): LiveRun | undefined {
  const run = deskOf(store).runs.get(runId);
  return run?.isSettled === true ? undefined : run;
}

/** From now on this process drives the run. */
export function enter(store: RunStore, runId: string, run: LiveRun): void {
  deskOf(store).runs.set(runId, run);
}

/** The run is nobody's any more, or somebody else's. */
export function leave(store: RunStore, runId: string, run: LiveRun): void {
  const { runs } = deskOf(store);
  if (runs.get(runId) === run) runs.delete(runId);
}
