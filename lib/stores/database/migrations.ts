import { type Kysely, type ColumnDataType, sql } from "kysely";
import { StoreError } from "../../base/errors.js";
import type { Tables } from "./schema.js";

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
  async (db) => {
    await db.schema.alterTable("fsm_events").renameTo("events").execute();
    await db.schema.alterTable("events").addColumn("root_id", "text").execute();
    await sql`update events set root_id = run_id`.execute(db);
    await index(db, "events", ["root_id"]);
    await table(db, "waits", ["run_id", "node"], {
      run_id: "text not null",
      node: "text not null",
      event: "text",
      until: "double precision",
      payload: "text",
    });
    await db.schema.alterTable("fsm_cycles").addColumn("due_at", "double precision").execute();
  },
  async (db) => {
    const add = (name: string, type: ColumnDataType, initial?: number) =>
      db.schema
        .alterTable("runs")
        .addColumn(name, type, (c) => (initial === undefined ? c : c.notNull().defaultTo(initial)))
        .execute();
    await db.schema
      .alterTable("runs")
      .addColumn("fit", "text", (c) => c.notNull().defaultTo(""))
      .execute();
    await sql`update runs set fit = fingerprint`.execute(db);
    await add("key", "text");
    await add("priority", "double precision", 50);
    await add("ready_at", "double precision");
    await add("is_fresh", "integer", 0);
    await add("was_due_at", "double precision");
    await add("recoveries", "integer", 0);
    await add("request", "text");
    await add("provided", "text");
    await add("given", "text");
    await add("schedule", "text");
    await db.schema
      .alterTable("events")
      .addColumn("is_unchecked", "integer", (c) => c.notNull().defaultTo(0))
      .execute();
    // The index of owners becomes partial: SQLite would use it to find the runs without one, which are most.
    await db.schema.dropIndex("runs_owner").execute();
    await index(db, "runs", ["owner"], "owner");
    // All are partial: none contains the runs that are started without a service.
    await sql`create unique index runs_workflow_key on runs (workflow, key) where key is not null`.execute(db);
    await sql`create index runs_ready on runs
      (workflow, kind, fit, is_fresh, priority desc, ready_at, created_at) where ready_at is not null`.execute(db);
    await sql`create index runs_due on runs (workflow, due_at)
      where due_at is not null and ready_at is null and owner is null and is_child = 0`.execute(db);
    await sql`create index runs_claimed on runs (workflow) where owner is not null and status <> 'running'`.execute(db);
    await sql`create index runs_resting on runs (workflow, status)
      where status = 'waiting' and ready_at is null and owner is null and is_child = 0`.execute(db);
    await sql`create index runs_requested on runs (workflow) where request is not null`.execute(db);
    await sql`create index runs_schedule on runs (schedule, status) where schedule is not null`.execute(db);
    await sql`create index runs_held on runs (schedule, id) where schedule is not null and status = 'queued'
      and owner is null and ready_at is null and due_at is null`.execute(db);
    await sql`create index events_untaken on events (root_id) where taken_at is null`.execute(db);
    await db.schema
      .createTable("starts")
      .addColumn("workflow", "text", (c) => c.notNull())
      .addColumn("started_at", "double precision", (c) => c.notNull())
      .execute();
    await index(db, "starts", ["workflow", "started_at"]);
    await table(db, "schedules", ["name"], {
      name: "text not null",
      workflow: "text not null",
      kind: "text",
      definition: "text not null",
      inputs: "text not null",
      metadata: "text",
      priority: "double precision not null",
      first_at: "double precision not null",
      last_at: "double precision",
      next_at: "double precision",
      due_at: "double precision",
      paused: "integer not null",
      updated_at: "double precision not null",
    });
    await index(db, "schedules", ["due_at"], "due_at");
  },
  async (db) => {
    await table(db, "moments", ["run_id", "token", "number"], {
      run_id: "text not null",
      token: "integer not null",
      number: "integer not null",
      type: "text not null",
      at: "double precision not null",
      node: "text",
      attempt: "integer",
      item: "integer",
      cycle: "integer",
      event: "text",
      until: "double precision",
      error: "text",
    });
  },
  (db) => table(db, "redactions", ["path"], { path: "text not null" }),
  async (db) => {
    await db.schema.alterTable("runs").addColumn("trace", "text").execute();
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
