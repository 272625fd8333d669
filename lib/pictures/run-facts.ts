import { messageOf } from "../base/message.js";
import type { FsmResult, ItemCounts, NodeStatus, NodeWait, RunResult, RunStatus, WorkflowGraph } from "../index.js";
import type { RunDetails } from "../store.js";

/** A run that can be drawn: its result, or its record (`store.getRun`). */
export type DrawnRun = RunResult<any> | FsmResult<any> | RunDetails;

/** What pictures tell of a node, or of a state as of its latest cycle. */
export interface NodeFacts {
  readonly status: NodeStatus;
  readonly attempts: number;
  /** In ms; undefined if it did not start or end, or is not known. */
  readonly duration: number | undefined;
  readonly cached: boolean;
  /** Of a map. */
  readonly items: Readonly<ItemCounts> | undefined;
  /** Why it failed, was skipped or paused. */
  readonly reason: string | undefined;
  readonly waitingFor: NodeWait | undefined;
  /** Of a state: how often it was executed. */
  readonly visits: number | undefined;
}

/** What pictures tell of a run. */
export interface RunFacts {
  readonly graph: WorkflowGraph;
  readonly runId: string;
  readonly status: "queued" | "running" | RunStatus;
  /** In ms; undefined if it did not end. */
  readonly duration: number | undefined;
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  /** Of an fsm: the states of its cycles, as far as they are kept. */
  readonly steps: readonly string[];
  /** The run inside a node, the latest one of a state. */
  inside(node: string): RunFacts | undefined;
}

export function factsOf(run: DrawnRun): RunFacts {
  if (isRecorded(run)) return recordedFacts(run);
  return isFsmResult(run) ? fsmFacts(run) : dagFacts(run);
}

export function isRecorded(run: DrawnRun): run is RunDetails {
  return "cycles" in run;
}

export function isFsmResult(run: DrawnRun): run is FsmResult<any> {
  return "cycleCount" in run;
}

function dagFacts(run: RunResult<any>): RunFacts {
  const nodes = Array.from(run.nodes, ([name, report]): [string, NodeFacts] => {
    const { error, skippedBy, pauseReason } = report;
    const reason = error === undefined ? (skippedBy ?? pauseReason) : messageOf(error);
    return [name, { ...report, reason, visits: undefined }];
  });
  return {
    graph: run.graph,
    runId: run.runId,
    status: run.status,
    duration: run.metrics.total,
    nodes: new Map(nodes),
    steps: [],
    inside: (node) => childFacts(run.child(node)),
  };
}

function childFacts(child: DrawnRun | undefined): RunFacts | undefined {
  return child === undefined ? undefined : factsOf(child);
}

function fsmFacts(run: FsmResult<any>): RunFacts {
  const { total, visits } = run.metrics;
  const nodes = run.graph.nodes.map(({ name }): [string, NodeFacts] => {
    const error = run.error(name);
    const reason = name === run.currentState ? run.pauseReason : undefined;
    return [
      name,
      {
        status: name === run.currentState ? run.status : visits[name] > 0 ? "completed" : "pending",
        attempts: 0,
        duration: undefined,
        cached: false,
        items: undefined,
        reason: error === undefined ? reason : messageOf(error),
        waitingFor: name === run.currentState ? eventsOf(run) : undefined,
        visits: visits[name],
      },
    ];
  });
  return {
    graph: run.graph,
    runId: run.runId,
    status: run.status,
    duration: total,
    nodes: new Map(nodes),
    steps: run.stateHistory,
    inside: (state) => childFacts(run.child(state)),
  };
}

function recordedFacts(run: RunDetails): RunFacts {
  const visits = new Map<string, number>();
  const steps = run.cycles.flatMap(({ state, status }) => (status === "entered" ? [] : state));
  for (const state of steps) visits.set(state, (visits.get(state) ?? 0) + 1);
  const isFsm = run.kind === "fsm";
  const nodes = Array.from(run.nodes, ([name, details]): [string, NodeFacts] => {
    const { error, reason } = details;
    const status = isFsm && name === run.currentState ? stateStatus(run, details.status) : details.status;
    const why = error === undefined ? reason : messageOf(error);
    if (!isFsm) return [name, { ...details, reason: why, visits: undefined }];
    const waitingFor = name === run.currentState ? eventsOf(run) : undefined;
    return [name, { ...details, status, reason: why, waitingFor, visits: visits.get(name) ?? 0 }];
  });
  const began = run.attempts[0]?.startedAt ?? run.createdAt;
  return {
    graph: run.graph,
    runId: run.runId,
    status: run.status,
    duration: run.finishedAt === undefined ? undefined : run.finishedAt - began,
    nodes: new Map(nodes),
    steps,
    inside: (node) => childFacts(run.inside.get(isFsm ? `${node}.${(visits.get(node) ?? 1) - 1}` : node)),
  };
}

/** What the current state of an fsm waits for. */
function eventsOf({ waitingFor }: FsmResult<any> | RunDetails): NodeWait | undefined {
  if (waitingFor === undefined) return undefined;
  const { events, until } = waitingFor;
  if (events.length > 0) return { event: events.join(" or ") };
  return until === undefined ? undefined : { until };
}

/** The status of the current state of an fsm, as that of a run in memory has it. */
function stateStatus({ status }: RunDetails, ofCycle: NodeStatus): NodeStatus {
  return status === "running" || status === "queued" ? ofCycle : status;
}
