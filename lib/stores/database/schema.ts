import type { ColumnDataType, Kysely } from "kysely";
import { StoreError } from "../../base/errors.js";

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
  fsm_events: EventRow;
  blobs: { hash: string; data: string; used_at: number };
  blob_uses: { run_id: string; hash: string };
}

export interface RunRow {
  id: string;
  workflow: string;
  kind: string;
  /** The SHA-256 of the workflow's structure, which is stored as a blob. */
  fingerprint: string;
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
  /** Of a paused run: why it paused, in all and by node, and when it is due. */
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
  started_at: number | null;
  finished_at: number | null;
}

/** An event sent to an fsm. */
export interface EventRow {
  run_id: string;
  /** Derived from the sender's key, if there is one. */
  id: string;
  /** The position among the events of the run. */
  number: number;
  event: string;
  payload: string;
  sent_at: number;
  /** Null until the run takes it. */
  taken_at: number | null;
  /** The driver that has yet to receive an event from outside. */
  for_owner: string | null;
}

type Migration = (db: Kysely<any>) => Promise<void>;

type Columns = Readonly<Record<string, ColumnDataType | `${"text" | "integer" | "double precision"} not null`>>;

/** Migration n takes a database from version n to n + 1. A released migration never changes. */
const MIGRATIONS: readonly Migration[] = [
  async (db) => {
    await table(db, "cache_entries", ["key"], {
      key: "text not null",
      value: "text not null",
      stored_at: "double precision not null",
      expires_at: "double precision",
    });
    await index(db, "cache_entries", ["expires_at"]);
    await table(db, "runs", ["id"], {
      id: "text not null",
      workflow: "text not null",
      kind: "text not null",
      fingerprint: "text not null",
      parent_run_id: "text",
      parent_node: "text",
      scope: "text",
      status: "text not null",
      inputs: "text not null",
      outputs: "text",
      metadata: "text",
      error: "text",
      pause_reason: "text",
      pauses: "text",
      due_at: "double precision",
      owner: "text",
      lease_expires_at: "double precision",
      fencing_token: "integer not null",
      created_at: "double precision not null",
      updated_at: "double precision not null",
      finished_at: "double precision",
    });
    await index(db, "runs", ["created_at", "id"]);
    await index(db, "runs", ["workflow", "created_at", "id"]);
    await index(db, "runs", ["workflow", "status", "created_at", "id"]);
    await index(db, "runs", ["workflow", "status", "due_at"]);
    await index(db, "runs", ["parent_run_id"]);
    await index(db, "runs", ["owner"]);
    await table(db, "node_executions", ["run_id", "node", "attempt"], {
      run_id: "text not null",
      node: "text not null",
      attempt: "integer not null",
      status: "text not null",
      worker: "text",
      output: "text",
      branch: "text",
      is_cached: "integer not null",
      error: "text",
      reason: "text",
      started_at: "double precision",
      finished_at: "double precision",
    });
    await table(db, "edge_traversals", ["run_id", "target", "input"], {
      run_id: "text not null",
      target: "text not null",
      input: "text not null",
      source: "text not null",
      output: "text",
      traversed_at: "double precision not null",
    });
    await table(db, "fsm_cycles", ["run_id", "cycle"], {
      run_id: "text not null",
      cycle: "integer not null",
      state: "text not null",
      status: "text not null",
      attempts: "integer not null",
      worker: "text",
      input: "text",
      event: "text",
      output: "text",
      error: "text",
      reason: "text",
      wait: "text",
      started_at: "double precision",
      finished_at: "double precision",
    });
    await table(db, "fsm_events", ["run_id", "id"], {
      run_id: "text not null",
      id: "text not null",
      number: "integer not null",
      event: "text not null",
      payload: "text not null",
      sent_at: "double precision not null",
      taken_at: "double precision",
      for_owner: "text",
    });
    await index(db, "fsm_events", ["run_id", "number"]);
    // Partial: few events are undelivered, and not for long.
    await index(db, "fsm_events", ["for_owner"], "for_owner");
    await table(db, "blobs", ["hash"], {
      hash: "text not null",
      data: "text not null",
      used_at: "double precision not null",
    });
    await table(db, "blob_uses", ["run_id", "hash"], { run_id: "text not null", hash: "text not null" });
    await index(db, "blob_uses", ["hash"]);
  },
  async (db) => {
    await db.schema
      .alterTable("runs")
      .addColumn("is_child", "integer", (c) => c.notNull().defaultTo(0))
      .execute();
  },
];

async function table(db: Kysely<any>, name: string, key: readonly string[], columns: Columns): Promise<void> {
  let builder = db.schema.createTable(name);
  for (const [column, declared] of Object.entries(columns)) {
    const [type, rule] = declared.split(" not ");
    builder = builder.addColumn(column, type as ColumnDataType, (c) => (rule === undefined ? c : c.notNull()));
  }
  await builder.addPrimaryKeyConstraint(`${name}_key`, key as never).execute();
}

/** @param notNull - makes it a partial index, of the rows that have this column */
async function index(db: Kysely<any>, name: string, columns: readonly string[], notNull?: string): Promise<void> {
  const builder = db.schema
    .createIndex(`${name}_${columns.join("_")}`)
    .on(name)
    .columns([...columns]);
  await (notNull === undefined ? builder : builder.where(notNull, "is not", null)).execute();
}

/**
 * Migrates the tables to the version of this code, in one transaction. Concurrent migrations wait for each other.
 * @param lock - keeps other connections from migrating until the transaction ends, unless beginning it does so
 * @throws {StoreError} SCHEMA when the tables are newer than this code
 */
export async function migrate(db: Kysely<Tables>, lock?: (db: Kysely<any>) => Promise<void>): Promise<void> {
  if ((await currentVersion(db)) === MIGRATIONS.length) return;
  await db.transaction().execute(async (trx) => {
    await lock?.(trx);
    await upgrade(trx);
  });
}

/** The schema version; undefined when reading it fails. */
async function currentVersion(db: Kysely<Tables>): Promise<number | undefined> {
  try {
    return (await db.selectFrom("dagwright_schema").select("version").executeTakeFirst())?.version;
  } catch {
    return undefined; // There are no tables yet, or the migration will fail for the same reason.
  }
}

async function upgrade(db: Kysely<Tables>): Promise<void> {
  await db.schema.createTable("dagwright_schema").ifNotExists().addColumn("version", "integer").execute();
  const row = await db.selectFrom("dagwright_schema").select("version").executeTakeFirst();
  const version = row?.version ?? 0;
  const latest = MIGRATIONS.length;
  if (version > latest) {
    const message = `The store has schema version ${version}, but this version of dagwright supports ${latest}. Upgrade dagwright, or use another store.`;
    throw new StoreError(message, "SCHEMA");
  }
  if (version === latest) return;
  for (const migration of MIGRATIONS.slice(version)) await migration(db);
  if (row === undefined) await db.insertInto("dagwright_schema").values({ version: latest }).execute();
  else await db.updateTable("dagwright_schema").set({ version: latest }).execute();
}
