import { type RawBuilder, sql } from "kysely";
import type { Database } from "../database/database.js";
import { jsonRows } from "../database/json-rows.js";
import { inList } from "../database/row-locks.js";
import type { RunRow } from "../database/schema.js";
import { keepBlobs } from "../writing/blobs.js";
import type { ColumnType } from "../writing/columns.js";

/** The columns of a submitted run, without its times. */
const SUBMITTED = {
  id: "text",
  workflow: "text",
  kind: "text",
  fingerprint: "text",
  fit: "text",
  parent_run_id: "text",
  parent_node: "text",
  is_child: "integer",
  status: "text",
  inputs: "text",
  metadata: "text",
  fencing_token: "integer",
  key: "text",
  priority: "double precision",
  is_fresh: "integer",
  recoveries: "integer",
  given: "text",
  schedule: "text",
  trace: "text",
} as const satisfies Readonly<Partial<Record<keyof RunRow, ColumnType>>>;

export type SubmittedRow = Pick<RunRow, keyof typeof SUBMITTED>;

/** A run to insert. */
export interface Insertion {
  readonly row: SubmittedRow;
  /** By hash. */
  readonly blobs: ReadonlyMap<string, string>;
  /** A time in ms since 1970, or a delay in ms. Undefined means at once, as do times in the past. */
  readonly due: { readonly at: number } | { readonly in: number } | undefined;
}

type InsertedRow = Pick<RunRow, "id" | "fencing_token">;

/** The time between runs that are inserted together, in ms, which keeps them in order. */
const BETWEEN = 0.001;

/**
 * Inserts runs in order, except for those whose id or key is taken. On Postgres, that is one statement, unless a blob is
 * new.
 * @returns those that were inserted
 */
export async function insertRuns(
  database: Pick<Database, "db" | "clock" | "hasRowLocks">,
  insertions: readonly Insertion[],
): Promise<ReadonlySet<Insertion>> {
  const { db, hasRowLocks } = database;
  const blobs = new Map(insertions.flatMap(({ blobs }) => Array.from(blobs)));
  const uses = insertions.flatMap(({ row, blobs }) => Array.from(blobs.keys(), (hash) => ({ run_id: row.id, hash })));
  const known = hasRowLocks ? await insertWithKnownBlobs(database, insertions, blobs, uses) : undefined;
  const inserted =
    known ??
    (await db.transaction().execute(async (trx) => {
      await keepBlobs(trx, database, blobs);
      const { rows } = await insert(insertions, database).execute(trx);
      const ids = new Set(rows.map(({ id }) => id));
      const ofInserted = uses.filter(({ run_id }) => ids.has(run_id));
      if (ofInserted.length > 0) await use(ofInserted, database).execute(trx);
      return rows;
    }));
  const tokens = new Map(inserted.map(({ id, fencing_token }) => [id, fencing_token]));
  return new Set(insertions.filter(({ row }) => tokens.get(row.id) === row.fencing_token));
}

/** Inserts runs whose blobs exist, in one statement. Otherwise nothing happens, and it returns undefined. */
async function insertWithKnownBlobs(
  database: Pick<Database, "db" | "clock" | "hasRowLocks">,
  insertions: readonly Insertion[],
  blobs: ReadonlyMap<string, string>,
  uses: readonly object[],
): Promise<readonly InsertedRow[] | undefined> {
  // The lock keeps the blobs from being deleted meanwhile. Others can share it.
  const { rows } = await sql<InsertedRow & { readonly known: number | string }>`
    with known as materialized (
        select hash from blobs where hash ${inList(Array.from(blobs.keys()), database)} order by hash for key share),
      inserted as (${insert(insertions, database, sql`(select count(*) from known) = ${blobs.size}`)}),
      used as (${use(uses, database, sql`run_id in (select id from inserted)`)})
    select (select count(*) from known) as known, id, fencing_token from (select 1) as one left join inserted on true
    `.execute(database.db);
  if (Number(rows[0].known) < blobs.size) return undefined;
  return rows.filter(({ id }) => (id as string | null) !== null);
}

function insert(
  insertions: readonly Insertion[],
  { clock, hasRowLocks }: Pick<Database, "clock" | "hasRowLocks">,
  condition = sql`true`,
): RawBuilder<InsertedRow> {
  const rows = insertions.map(({ row, due = { in: undefined } }, place) => {
    const at = "at" in due ? due.at : undefined;
    return { ...row, due_at: at, due_in: "in" in due ? due.in : undefined, later: place * BETWEEN };
  });
  const columns = sql.raw(Object.keys(SUBMITTED).join(", "));
  const source = jsonRows(
    rows,
    { ...SUBMITTED, due_at: "double precision", due_in: "double precision", later: "double precision" },
    { hasRowLocks },
  );
  // In order, so that runs with the same keys that others insert at the same time can't deadlock.
  return sql`
    insert into runs (${columns}, created_at, updated_at, due_at, ready_at)
    select ${columns}, clock + later, clock, case when due > clock then due end,
      case when due > clock then null else clock end
    from (select w.*, clock, coalesce(due_at, clock + due_in) as due from ${source}, (select ${clock} as clock) as now)
      as timed
    where ${condition} order by key, id
    on conflict do nothing returning id, fencing_token`;
}

function use(
  uses: readonly object[],
  { hasRowLocks }: Pick<Database, "hasRowLocks">,
  condition = sql`true`,
): RawBuilder<unknown> {
  const source = jsonRows(uses, { run_id: "text", hash: "text" }, { hasRowLocks });
  return sql`insert into blob_uses (run_id, hash) select run_id, hash from ${source} where ${condition} on conflict do nothing`;
}
