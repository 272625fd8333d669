import type { QueueColumn, Tables } from "../database/schema.js";

/** A column type, by its name in Postgres. */
export type ColumnType = "text" | "integer" | "double precision";

/** A table that batches upsert rows into. */
export interface TableShape<T extends keyof Tables = keyof Tables> {
  readonly table: T;
  readonly key: Readonly<Partial<Record<keyof Tables[T] & string, ColumnType>>>;
  /** Columns that are replaced when the row exists. */
  readonly updated: Readonly<Partial<Record<keyof Tables[T] & string, ColumnType>>>;
  /** Columns that are kept when the row exists. */
  readonly insertOnly?: Readonly<Partial<Record<keyof Tables[T] & string, ColumnType>>>;
}

const shape = <T extends keyof Tables>(
  table: T,
  key: TableShape<T>["key"],
  updated: TableShape<T>["updated"],
  insertOnly?: TableShape<T>["insertOnly"],
): TableShape<T> => ({ table, key, updated, insertOnly });

const ATTEMPTS = shape(
  "node_executions",
  { run_id: "text", node: "text", attempt: "integer" },
  {
    status: "text",
    worker: "text",
    output: "text",
    branch: "text",
    is_cached: "integer",
    error: "text",
    reason: "text",
    finished_at: "double precision",
  },
  // An item that continues after a pause or a crash began earlier.
  { started_at: "double precision" },
);

const TRAVERSALS = shape(
  "edge_traversals",
  { run_id: "text", target: "text", input: "text" },
  { source: "text", output: "text", traversed_at: "double precision" },
);

const CYCLES = shape(
  "fsm_cycles",
  { run_id: "text", cycle: "integer" },
  {
    state: "text",
    status: "text",
    attempts: "integer",
    worker: "text",
    input: "text",
    event: "text",
    output: "text",
    error: "text",
    reason: "text",
    wait: "text",
    due_at: "double precision",
    started_at: "double precision",
    finished_at: "double precision",
  },
);

const WAITS = shape(
  "waits",
  { run_id: "text", node: "text" },
  { event: "text", until: "double precision", payload: "text" },
);

const MOMENTS = shape(
  "moments",
  { run_id: "text", token: "integer", number: "integer" },
  {},
  {
    type: "text",
    at: "double precision",
    node: "text",
    attempt: "integer",
    item: "integer",
    cycle: "integer",
    event: "text",
    until: "double precision",
    error: "text",
  },
);

/** Updating `used_at` of an existing blob keeps it from being deleted meanwhile. */
const BLOBS = shape("blobs", { hash: "text" }, { used_at: "double precision" }, { data: "text" });

const BLOB_USES = shape("blob_uses", { run_id: "text", hash: "text" }, {});

export const SHAPES = { ATTEMPTS, TRAVERSALS, CYCLES, WAITS, MOMENTS, BLOBS, BLOB_USES } as const;

/** The columns of a new run, except for its lease, which starts at the database's time. */
export const NEW_RUN = {
  id: "text",
  workflow: "text",
  kind: "text",
  fingerprint: "text",
  fit: "text",
  parent_run_id: "text",
  parent_node: "text",
  is_child: "integer",
  scope: "text",
  status: "text",
  inputs: "text",
  outputs: "text",
  metadata: "text",
  error: "text",
  owner: "text",
  fencing_token: "integer",
  created_at: "double precision",
  updated_at: "double precision",
  finished_at: "double precision",
  pause_reason: "text",
  pauses: "text",
  due_at: "double precision",
  trace: "text",
} satisfies Readonly<Record<Exclude<keyof Tables["runs"], "lease_expires_at" | QueueColumn>, ColumnType>>;

/** The columns that change when a run ends, except for those of its lease; most are null in a run that is driven. */
export const RUN_END = {
  status: "text",
  outputs: "text",
  error: "text",
  finished_at: "double precision",
  pause_reason: "text",
  pauses: "text",
  due_at: "double precision",
} as const satisfies Readonly<Partial<Record<keyof Tables["runs"], ColumnType>>>;

/** The columns that may change when a reserved run begins, besides those of {@link RUN_END}. */
export const RUN_BEGIN = {
  kind: "text",
  fingerprint: "text",
  fit: "text",
  inputs: "text",
  trace: "text",
  updated_at: "double precision",
} as const satisfies Readonly<Partial<Record<keyof Tables["runs"], ColumnType>>>;
