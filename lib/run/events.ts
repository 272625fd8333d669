import type { DagwrightError } from "../base/errors.js";
import type { RunStatus } from "./status.js";

interface RunFact {
  readonly runId: string;
  /** When it happened, in ms since 1970. */
  readonly at: number;
}

interface NodeFact extends RunFact {
  readonly node: string;
}

interface AttemptFact extends NodeFact {
  /** Counted from 1. */
  readonly attempt: number;
}

interface CycleFact extends NodeFact {
  /** Counted from 0. */
  readonly cycle: number;
}

/** Everything that happens in a run, in the order in which it happens. The states of an fsm count as nodes. */
export type RunEvent =
  | (RunFact & {
      readonly type: "run.started";
      readonly workflow: string;
      readonly inputs: Readonly<Record<string, unknown>>;
    })
  | (NodeFact & { readonly type: "node.ready" })
  | (AttemptFact & { readonly type: "attempt.started" })
  | (AttemptFact & { readonly type: "attempt.failed"; readonly error: unknown })
  | (NodeFact & { readonly type: "node.completed"; readonly result: unknown; readonly cached: boolean })
  | (NodeFact & { readonly type: "node.failed"; readonly error: DagwrightError })
  | (NodeFact & { readonly type: "node.skipped"; readonly skippedBy: string | undefined })
  | (NodeFact & { readonly type: "node.cancelled" })
  | (NodeFact & {
      /** The node's call opened its circuit, or closed it. */
      readonly type: "circuit.opened" | "circuit.closed";
      /** Undefined for a circuit of the node's own. */
      readonly key: string | undefined;
    })
  /** The node completes with an expired result, since computing it anew failed. */
  | (NodeFact & {
      readonly type: "node.stale";
      readonly error: unknown;
      /** When the result was computed, in ms since 1970. */
      readonly storedAt: number;
    })
  /** The node's cached result was to be computed anew in the background, which failed. May come after `run.finished`. */
  | (NodeFact & {
      readonly type: "refresh.failed";
      readonly error: unknown;
      /** In a row. */
      readonly failures: number;
      /** When it may be tried again, in ms since 1970. */
      readonly retryAt: number;
    })
  | (AttemptFact & {
      readonly type: "node.progress";
      /** From 0 to 1; undefined for a log line. */
      readonly fraction: number | undefined;
      readonly message: string | undefined;
    })
  | (CycleFact & { readonly type: "state.entered" })
  | (CycleFact & {
      readonly type: "state.left";
      readonly value: unknown;
      /** The next state; undefined when the run ends here. */
      readonly to: string | undefined;
      /** The event from outside that leads there; undefined when none does. */
      readonly event: string | undefined;
    })
  | (RunFact & { readonly type: "run.paused" })
  | (RunFact & {
      readonly type: "run.finished";
      readonly status: RunStatus;
      readonly error: DagwrightError | undefined;
    });

type Facts<E> = E extends RunEvent ? Omit<E, keyof RunFact | "node"> : never;

/** An event without when and where it happened. */
export type EventFacts = Facts<RunEvent>;

/** Called with every event of a run, in order. What it throws becomes a process warning and never harms the run. */
export type Observer = (event: RunEvent) => void;
