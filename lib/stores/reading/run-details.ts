import { checkOptions, show, type Rules } from "../../base/check.js";
import type { WorkflowGraph } from "../../planning/workflow-graph.js";
import type { ItemCounts, NodeWait } from "../../run/state.js";
import type { NodeStatus } from "../../run/status.js";
import type { RunSummary } from "./run-summary.js";
import type { AttemptStatus, RecordedCycle } from "../store.js";

/**
 * The complete record of a run. It and every object in it can be passed to `JSON.stringify`, whatever the values are,
 * thanks to a hidden `toJSON` that is not part of the value (`base/json.ts`). Exceptions: the results of a type's
 * `decode`, and a bigint by itself.
 */
export interface RunDetails extends RunSummary {
  /** The inputs of the run, by name. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The results of the sinks, by name. For an fsm, the latest value of its last state. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** As of the run's last write. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What the run rejected with; undefined if it did not. */
  readonly error: unknown;
  /** The driver of the run, if there is one. */
  readonly owner: string | undefined;
  /** All nodes or states by name, in definition order. */
  readonly nodes: ReadonlyMap<string, NodeDetails>;
  /** The nodes, or states, and what connects them. */
  readonly graph: WorkflowGraph;
  /** Ordered by start time. */
  readonly attempts: readonly AttemptDetails[];
  /** The edges along which results were passed, each once. */
  readonly edges: readonly EdgeDetails[];
  /** The ids of the runs that replay this one. */
  readonly children: readonly string[];
  /** The cycles of an fsm. */
  readonly cycles: readonly RecordedCycle[];
  /** The runs inside, by the end of their ids: `check`, `call[0]`, `state.2`. Empty unless `getRun` was given a depth. */
  readonly inside: ReadonlyMap<string, RunDetails>;
}

/** How to look up a run. */
export interface GetRunOptions {
  /** How many levels of runs inside are looked up, too; may be Infinity. @defaultValue 0 */
  readonly depth?: number | undefined;
}

const GET_RUN_RULES: Rules<GetRunOptions> = {
  depth: (_, depth) => {
    if (depth === Infinity || (Number.isInteger(depth) && Number(depth) >= 0)) return;
    throw new RangeError(`"depth" of getRun must be an integer from 0 up, or Infinity; received ${show(depth)}.`);
  },
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkGetRunOptions(options: GetRunOptions): void {
  checkOptions(options, GET_RUN_RULES, "getRun");
}

/** A node of a run, or a state as of its latest cycle. */
export interface NodeDetails {
  /** As of the run's last write. */
  readonly status: NodeStatus;
  /** How many attempts were made. */
  readonly attempts: number;
  /** The result; undefined if there is none. */
  readonly output: unknown;
  /** The branch that a condition or select took; undefined for other nodes. */
  readonly branch: string | undefined;
  /** Whether the result came from the cache. */
  readonly cached: boolean;
  /** What the latest attempt failed with; undefined if it did not fail. */
  readonly error: unknown;
  /** Why it was skipped or paused. */
  readonly reason: string | undefined;
  /** When the first attempt started, in whole ms since 1970; undefined if there was none. */
  readonly startedAt: number | undefined;
  /** From the start of the first attempt to the end, in ms. */
  readonly duration: number | undefined;
  /** When it settled or paused, in whole ms since 1970; undefined if it did not, or its result was copied. */
  readonly finishedAt: number | undefined;
  /** What a waiting node waits for: an event, or a time in ms since 1970. */
  readonly waitingFor: NodeWait | undefined;
  /** Of a map: how many items are recorded, and what became of them. */
  readonly items: Readonly<ItemCounts> | undefined;
  /** False if the result was not storable, so that resuming the run computes it again. */
  readonly resumable: boolean;
}

/** One attempt of a node. For an fsm, the last attempt of a cycle. */
export interface AttemptDetails {
  /** The name of the node or state. */
  readonly node: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** As of the run's last write. */
  readonly status: AttemptStatus;
  /** The host and process that executed it. */
  readonly worker: string | undefined;
  /** The arguments, from the run's inputs and other nodes, by parameter. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The result; undefined if the attempt has none. */
  readonly output: unknown;
  /** What the attempt failed with; undefined if it did not fail. */
  readonly error: unknown;
  /** In whole ms since 1970. */
  readonly startedAt: number | undefined;
  /** In whole ms since 1970; undefined while it is in flight. */
  readonly finishedAt: number | undefined;
}

/** A result passed along an edge. */
export interface EdgeDetails {
  /** The name of the node whose result was passed. */
  readonly from: string;
  /** The name of the node that received it. */
  readonly to: string;
}
