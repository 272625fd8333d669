import type { ItemPlace } from "../definition/item.js";
import type { DagwrightError } from "../base/errors.js";
import type { LogLevel } from "../definition/context.js";
import type { RunStatus } from "./status.js";

/** @inline */
interface RunEventBase {
  readonly runId: string;
  /** When it happened, in ms since 1970. */
  readonly at: number;
  /** In a run inside another one: the outer run, and the node that it belongs to. */
  readonly parent?: { readonly runId: string; readonly node: string };
}

/** @inline */
interface NodeEventBase extends RunEventBase {
  readonly node: string;
}

/** @inline */
interface AttemptEventBase extends NodeEventBase {
  /** Counted from 1. */
  readonly attempt: number;
}

/** An event of an item of a map. @inline */
interface ItemEventBase extends NodeEventBase, ItemPlace {}

/** @inline */
interface CycleEventBase extends NodeEventBase {
  /** Counted from 0. */
  readonly cycle: number;
}

/** A line that a node writes with `ctx.log`. */
export interface LogLine {
  readonly message: string;
  /** @defaultValue {} */
  readonly fields: Readonly<Record<string, unknown>>;
  /** @defaultValue "info" */
  readonly level: LogLevel;
  /** In a map, the item. */
  readonly item?: ItemPlace;
}

/** An event of a run. The states of an fsm count as nodes. */
export type RunEvent =
  | (RunEventBase & {
      readonly type: "run.started";
      readonly workflow: string;
      readonly inputs: Readonly<Record<string, unknown>>;
    })
  | (NodeEventBase & { readonly type: "node.ready" })
  /** The node waits for an event, or for a time in ms since 1970. */
  | (NodeEventBase & {
      readonly type: "node.waiting";
      readonly waitingFor: { readonly event: string } | { readonly until: number };
    })
  | (AttemptEventBase & { readonly type: "attempt.started" })
  /** In a map, with the item; the attempts of items do not start with an event of their own. */
  | (AttemptEventBase & { readonly type: "attempt.failed"; readonly error: unknown; readonly item?: ItemPlace })
  | (NodeEventBase & { readonly type: "node.completed"; readonly result: unknown; readonly cached: boolean })
  | (NodeEventBase & { readonly type: "node.failed"; readonly error: DagwrightError })
  | (NodeEventBase & { readonly type: "node.skipped"; readonly skippedBy: string | undefined })
  | (NodeEventBase & { readonly type: "node.cancelled" })
  | (NodeEventBase & {
      /** A call of the node opened or closed its circuit. */
      readonly type: "circuit.opened" | "circuit.closed";
      /** The key of the circuit; undefined if it belongs to the node. */
      readonly key: string | undefined;
    })
  /** The node completes with an expired result, since computing a new one failed. */
  | (NodeEventBase & {
      readonly type: "node.stale";
      readonly error: unknown;
      /** When the result was computed, in ms since 1970. */
      readonly storedAt: number;
    })
  /** Refreshing the node's cached result in the background failed. May come after `run.finished`. */
  | (NodeEventBase & {
      readonly type: "refresh.failed";
      readonly error: unknown;
      /** The number of consecutive failures. */
      readonly failures: number;
      /** When the refresh may be retried, in ms since 1970. */
      readonly retryAt: number;
    })
  | (AttemptEventBase & {
      readonly type: "node.progress";
      /** From 0 to 1. */
      readonly fraction: number;
      readonly message: string | undefined;
    })
  /** The node wrote a line with `ctx.log`. */
  | (AttemptEventBase & { readonly type: "node.log" } & LogLine)
  | (ItemEventBase & { readonly type: "item.started"; readonly attempt: number })
  | (ItemEventBase & { readonly type: "item.completed"; readonly result: unknown; readonly cached: boolean })
  | (ItemEventBase & { readonly type: "item.failed"; readonly error: DagwrightError })
  | (CycleEventBase & { readonly type: "state.entered" })
  | (CycleEventBase & {
      readonly type: "state.left";
      readonly value: unknown;
      /** The next state; undefined if the run ends here. */
      readonly to: string | undefined;
      /** The external event that leads there, if any. */
      readonly event: string | undefined;
    })
  | (RunEventBase & { readonly type: "run.paused" })
  | (RunEventBase & {
      readonly type: "run.finished";
      readonly status: RunStatus;
      readonly error: DagwrightError | undefined;
    });

type Facts<E> = E extends RunEvent ? Omit<E, keyof RunEventBase | "node"> : never;

/** The properties of an event besides the run, the node and the time. */
export type EventFacts = Facts<RunEvent>;

/** Called with every event of a run, in order. An error that it throws becomes a process warning. */
export type Observer = (event: RunEvent) => void;
