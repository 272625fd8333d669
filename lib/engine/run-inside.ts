import type { LazyAbort } from "../base/abort.js";
import type { DagwrightError } from "../base/errors.js";
import type { ChildRunOptions } from "../definition/context.js";
import type { ChildWorkflow } from "../definition/defined.js";
import type { Holder } from "../policies/holder.js";
import type { ChildResult } from "../run/child-result.js";
import type { RunBase } from "../run/run-base.js";
import type { WaitingFor } from "../run/waiting-for.js";
import type { RecordedRun, RunStore } from "../stores/store.js";
import type { Outlet } from "./channel.js";
import type { OuterRun } from "./outer-run.js";
import type { Slot } from "./slot.js";
import type { AttemptTelemetry } from "./telemetry/telemetry.js";

export type ChildEnded = (result: ChildResult, error: DagwrightError | undefined) => void;

/** A run inside another one. */
export interface RunInside {
  readonly state: RunBase;
  readonly life: {
    start(onEnd: ChildEnded): void;
    startDeferred(onEnd: ChildEnded, schedule: (begin: () => void) => void): void;
    cancel(reason: unknown): void;
  };
  /** Starts to emit events, since the outer run is observed. */
  outerObserved(): void;
  /** Reports nothing more, neither to its store nor to observers. */
  fallSilent(): void;
  /** What it waits for, or the runs inside of it. */
  readonly waitingFor: WaitingFor | undefined;
  /** Ends it as `waiting`, when only waits are left in it. */
  putAway(): void;
  pause(): void;
  /** Whether it takes an event, or may take it later. */
  takesEvent(event: string): boolean;
  /** Sends it an event. */
  send(event: string, payload: unknown): Promise<void>;
}

/** How a recorded run inside another one continues. */
export interface ChildContinuation {
  readonly store: RunStore;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Whether it starts over, whatever is recorded. */
  readonly restarts: boolean;
  readonly allowChanges: boolean | undefined;
}

/** A workflow whose runs can be inside others. */
export interface RunnableWorkflow extends ChildWorkflow {
  /**
   * Creates a run inside another one.
   * @throws as `run`, before anything runs
   * @internal
   */
  createInside(own: ChildRunOptions, outer: OuterRun, how: { readonly sync: boolean }): RunInside;
  /**
   * Claims a recorded run inside another one, or restores its result if it is complete.
   * @throws {StoreError} NOT_FOUND, LEASE_HELD
   * @internal
   */
  continueInside(own: ChildRunOptions, outer: OuterRun, how: ChildContinuation): Promise<RunInside | ChildResult>;
  /**
   * The result of a recorded run that has ended.
   * @throws {ValidationError} when the workflow has changed
   * @internal
   */
  restored(recorded: RecordedRun): ChildResult;
}

/** The names of a run inside. */
export interface ChildPlace {
  readonly node: string;
  /** The key of the run inside: the end of its id, unique in the outer run. */
  readonly key: string;
  /** The name for users: the key without the number of a state's execution. */
  readonly path: string;
}

/** What begins runs inside: a node, or an item of a map. */
export interface ChildCaller extends ChildPlace {
  /** The key of the node or item. */
  readonly caller: string;
}

/** An attempt that a run inside belongs to. */
export interface ChildSite extends ChildCaller {
  readonly abort: LazyAbort;
  /** Whether the store may have it, since the attempt is not the node's first. */
  readonly isRepeated: boolean;
  /** Whether the attempt follows a failed one in this run. */
  readonly isRetry: boolean;
  /** Whether a recorded run starts over. */
  readonly restarts: boolean;
  /** Whether it is one of several that the node may begin. */
  readonly isCall: boolean;
  /** The node in the wait-for graph, if it is there. */
  readonly holder?: Holder | undefined;
  /** The channels to nodes that stream items of it, by path. */
  readonly outlets?: ReadonlyMap<string, Outlet> | undefined;
  /** Follows the attempt; undefined when nothing does. */
  readonly followed?: AttemptTelemetry | undefined;
}

/** A call of `ctx.run`. */
export interface InnerCall {
  readonly attempt: number;
  readonly workflow: unknown;
  readonly options: ChildRunOptions;
  readonly abort: LazyAbort;
  /** The slot of the node. */
  readonly slot: Slot;
  /** The node in the wait-for graph, if it is there. */
  readonly holder?: Holder | undefined;
  /** Follows the attempt; undefined when nothing does. */
  readonly followed?: AttemptTelemetry | undefined;
}
