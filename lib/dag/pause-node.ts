import { factsOf, InnerWait, StoppedHalfway } from "../run/pause.js";
import type { RunState } from "../run/state.js";
import { Status } from "../run/status.js";
import type { NodeStreams } from "./node-streams/node-streams.js";
import type { Resting } from "./resting.js";

/** The run that nodes pause. */
export interface PausingRun {
  readonly state: RunState;
  readonly streams: NodeStreams | undefined;
  /** The last reading of the clock. */
  readonly time: number;
  /** The number of nodes that started and have not settled. */
  open: number;
  /** Starts no more nodes, and no more items of maps. */
  holdBack(): void;
  readonly inner: { readonly resting: Pick<Resting, "leave"> };
}

/** Ends a node that pauses the run, or whose runs inside were put away. */
export function pauseNode(run: PausingRun, node: number, pause: Error): void {
  const { state } = run;
  const { facts } = state;
  run.open--;
  run.streams?.settled(node, { error: pause });
  state.setFinished(node, run.time);
  if (pause instanceof InnerWait) {
    state.status[node] = Status.waiting;
    facts.away.set(node, facts.leaving.get(node) ?? pause.waitingFor);
    return run.inner.resting.leave();
  }
  state.status[node] = Status.paused;
  if (!(pause instanceof StoppedHalfway)) facts.pauses.set(node, factsOf(pause));
  run.holdBack();
}
