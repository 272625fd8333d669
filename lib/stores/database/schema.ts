/**
 * The row types by table. Times are in ms since 1970. Values are encoded by the codec; long ones are references to
 * `blobs`.
 */
export interface Tables {
  dagwright_schema: { version: number };
  cache_entries: { key: string; value: string; stored_at: number; expires_at: number | null };
  runs: RunRow;
  node_executions: AttemptRow;
  edge_traversals: TraversalRow;
  fsm_cycles: CycleRow;
  events: EventRow;
  waits: WaitRow;
  moments: MomentRow;
  starts: { workflow: string; started_at: number };
  schedules: ScheduleRow;
  blobs: { hash: string; data: string; used_at: number };
  blob_uses: { run_id: string; hash: string };
  redactions: { path: string };
}

export interface RunRow {
  id: string;
  workflow: string;
  /** "" until it is known. */
  kind: string;
  /** The SHA-256 of the workflow's structure, which is stored as a blob; "" until a submitted run's is known. */
  fingerprint: string;
  /** Which services may drive the run: the hash of its structure without the numbers of compilers; "" with its fingerprint. */
  fit: string;
  parent_run_id: string | null;
  parent_node: string | null;
  /** 1 for a run inside its parent, 0 for one that replays it. */
  is_child: number;
  /** The nodes that a partial run computes, as a JSON array; null for all nodes. */
  scope: string | null;
  status: string;
  inputs: string;
  /** The nodes whose results are the run's outputs, as a JSON array. */
  outputs: string | null;
  metadata: string | null;
  error: string | null;
  /**
   * For a paused or waiting run: why it paused, as a whole and by node, and when it is due. A queued run can be due,
   * too.
   */
  pause_reason: string | null;
  pauses: string | null;
  due_at: number | null;
  /** The driver, the end of its lease, and a token that is incremented for each new driver. */
  owner: string | null;
  lease_expires_at: number | null;
  fencing_token: number;
  created_at: number;
  updated_at: number;
  finished_at: number | null;
  /** The submitter's key, unique among the runs of the workflow. */
  key: string | null;
  /** From 0 to 100: of the runs that are ready, services claim those with the highest priority first. */
  priority: number;
  /**
   * The time since which services may claim the run. Null while they may not: it has a driver, is at rest, or is over.
   */
  ready_at: number | null;
  /** 1 for a submitted run that has not had a driver yet. */
  is_fresh: number;
  /** When the run was due before it was put off. For a run that was stopped before it began, when it was to begin. */
  was_due_at: number | null;
  /** How many of the run's drivers have died since it last made progress, came to rest or was given back. */
  recoveries: number;
  /** What the driver is asked to do, as JSON, see `queue/request-column.ts`. */
  request: string | null;
  /** The results to resume the run with, by the names of the nodes that paused. */
  provided: string | null;
  /** The hashes, by name, of the inputs that were submitted with a key, before schemas parsed them. */
  given: string | null;
  /** The schedule that submitted the run. */
  schedule: string | null;
  /** The trace of the run for telemetry, as W3C Trace Context: `traceparent`, and `tracestate` after a space. */
  trace: string | null;
}

/** The columns that only services use. Runs that are started without one have their default values. */
export type QueueColumn =
  | "key"
  | "priority"
  | "ready_at"
  | "is_fresh"
  | "was_due_at"
  | "recoveries"
  | "request"
  | "provided"
  | "given"
  | "schedule";

/** A schedule that submits runs. */
export interface ScheduleRow {
  name: string;
  workflow: string;
  /** Null if only the name of the workflow was known. */
  kind: string | null;
  /** When it submits runs, and how it makes up for missed ones, as JSON. */
  definition: string;
  inputs: string;
  metadata: string | null;
  /** The priority of its runs, from 0 to 100. */
  priority: number;
  /** When it was first scheduled: intervals count from then. */
  first_at: number;
  /** The nominal times of the last run, and of the next one; no next one while it is paused. */
  last_at: number | null;
  next_at: number | null;
  /** When the next run is submitted: its nominal time and the jitter. */
  due_at: number | null;
  /** 0 or 1. */
  paused: number;
  updated_at: number;
}

/** An attempt of a node. Attempt 0 is a node that settled without one. The inputs are in `edge_traversals`. */
export interface AttemptRow {
  run_id: string;
  node: string;
  attempt: number;
  status: string;
  worker: string | null;
  output: string | null;
  branch: string | null;
  is_cached: number;
  error: string | null;
  reason: string | null;
  started_at: number | null;
  finished_at: number | null;
}

/** A result passed along an edge. */
export interface TraversalRow {
  run_id: string;
  target: string;
  input: string;
  source: string;
  output: string | null;
  traversed_at: number;
}

export interface CycleRow {
  run_id: string;
  cycle: number;
  state: string;
  status: string;
  attempts: number;
  worker: string | null;
  input: string | null;
  event: string | null;
  output: string | null;
  error: string | null;
  reason: string | null;
  wait: string | null;
  /** When its delay ends. */
  due_at: number | null;
  started_at: number | null;
  finished_at: number | null;
}

/**
 * What a node of a dag waits for. Without event and time, the node no longer waits. A name with a dot is that of a node
 * inside, whose own run has the wait: such rows are only for readers.
 */
export interface WaitRow {
  run_id: string;
  node: string;
  /** Null while it waits for its delay. */
  event: string | null;
  /** When its delay ends, or the latest time for its event. */
  until: number | null;
  /** The payload of the event, once it has come. */
  payload: string | null;
}

/** Something that happened in a run and is in no other row. */
export interface MomentRow {
  run_id: string;
  /** The fencing token of the driver at that time, and the position among the moments of this driver. */
  token: number;
  number: number;
  /** A type of run events. */
  type: string;
  at: number;
  node: string | null;
  attempt: number | null;
  /** The index of an item of a map. */
  item: number | null;
  /** The cycle of an fsm. */
  cycle: number | null;
  /** What a node waits for. */
  event: string | null;
  until: number | null;
  error: string | null;
}

/** An event sent to a run. */
export interface EventRow {
  run_id: string;
  /** The outermost run that contains it. */
  root_id: string;
  /** Derived from the sender's key, if there is one. */
  id: string;
  /** The position among the events of the run. */
  number: number;
  event: string;
  payload: string;
  /** 1 if the sender did not know the workflow: the driver has yet to check the payload. */
  is_unchecked: number;
  sent_at: number;
  /** Null until the run takes it. */
  taken_at: number | null;
  /** The driver that has yet to receive an event from outside. */
  for_owner: string | null;
}
