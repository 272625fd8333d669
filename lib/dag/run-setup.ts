import type { LazyAbort } from "../base/abort.js";
import type { EngineSetup } from "../engine/run.js";
import type { QueuedEvent } from "../stores/store.js";
import type { DagRecorder } from "./durable/recorder.js";
import type { NodeLimits } from "./host.js";
import type { Placed } from "./placements.js";

/** The setup of a dag's run, apart from its options, resolved against the plan. */
export interface RunSetup extends EngineSetup {
  /** Whether the state holds results of nodes that completed before this run was resumed. */
  readonly isResumed?: boolean;
  readonly recorder?: DagRecorder;
  /** The recorded events that it has not taken. */
  readonly events?: readonly QueuedEvent[] | undefined;
  /** Results by node, for the nodes that do not run. */
  readonly overrides: ReadonlyMap<number, unknown> | undefined;
  /** The limits that nodes share with other runs of the same stream. */
  readonly nodeLimits?: NodeLimits | undefined;
  /** Finds out where nodes run; undefined when all run inline. */
  readonly place: ((run: LazyAbort) => Placed | Promise<Placed>) | undefined;
}
