import type { RunBase } from "../run/run-base.js";
import type { Outlet } from "./channel.js";
import type { EventEmitter } from "./event-emitter.js";
import type { CommonRunOptions } from "./options.js";
import type { SharedPermits } from "./permits.js";

/** The run that contains another one, as that one sees it. */
export interface OuterRun {
  /** The node that is, or began, the run inside. */
  readonly parent: ParentNode;
  /** Its metadata is shared. */
  readonly state: RunBase;
  /** Gets the events of the run inside; undefined while nobody observes. */
  readonly emitter: EventEmitter | undefined;
  /** The options that runs inside have in common. */
  readonly options: CommonRunOptions;
  /** The permits to share; undefined where each run has its own. */
  readonly permits: SharedPermits | undefined;
  /** The results that a resumed run is given for nodes inside that paused, by path. */
  readonly provide: Readonly<Record<string, unknown>> | undefined;
  /** The paths of the results inside that the outer run takes, which `retain: "outputs"` keeps. */
  readonly takes: readonly string[];
  /** The items inside that nodes of outer runs stream, by the path of their producer; "" for the run itself. */
  readonly outlets: ReadonlyMap<string, Outlet> | undefined;
}

/** The node of a run that another run belongs to. */
export interface ParentNode {
  readonly runId: string;
  readonly node: string;
}
