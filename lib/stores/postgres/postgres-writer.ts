import { CompiledQuery, type Kysely } from "kysely";
import { collectRows } from "../writing/batch-rows.js";
import type { BatchWriter, FencedBatch } from "../writing/batch-writer.js";
import { type ColumnType, NEW_RUN, RUN_BEGIN, RUN_END, SHAPES, type TableShape } from "../writing/columns.js";
import type { NewEvent } from "../writing/event-rows.js";
import type { Tables } from "../database/schema.js";
import { timeOfDay } from "../database/time.js";

type Columns = Readonly<Partial<Record<string, ColumnType>>>;

/** A common table expression of the statement, and the rows it writes. */
interface Clause {
  readonly name: string;
  readonly rows: readonly object[];
  /** @param rows - the parameter with the rows, as JSON */
  readonly sql: (rows: string) => string;
}

/**
 * Writes batches in one statement: one transaction and one round trip. It locks the runs in the order of their ids,
 * leaves out those with another driver, and writes the rows of each table, passed as one JSON parameter per table.
 */
export class PostgresWriter implements BatchWriter {
  /** @param clock - the SQL of the clock in `database.ts` */
  constructor(
    private readonly db: Kysely<Tables>,
    private readonly clock: () => string,
  ) {}

  async write(writes: readonly FencedBatch[]): Promise<ReadonlySet<string>> {
    const rows = collectRows(writes);
    const sources = [fence(writes), this.created(writes)].filter(isUsed);
    const writing = [
      upsert("attempts", SHAPES.ATTEMPTS, rows.attempts),
      upsert("traversals", SHAPES.TRAVERSALS, rows.traversals),
      upsert("cycles", SHAPES.CYCLES, rows.cycles),
      upsert("waiting", SHAPES.WAITS, rows.waits),
      upsert("happened", SHAPES.MOMENTS, rows.moments),
      sent(rows.sent),
      taken(writes),
      upsert("texts", SHAPES.BLOBS, rows.blobs),
      upsert("text_uses", SHAPES.BLOB_USES, rows.blobUses),
      this.starts(writes),
      changes(writes),
    ].filter(isUsed);
    const ids = writes.map(({ runId }) => runId);
    const clauses = [...sources, ...writing];
    const parameters = [ids, ...clauses.map(({ rows }) => JSON.stringify(rows))];
    const expressions = clauses.map(({ name, sql }, i) => `${name} as ${sql(`$${i + 2}::json`)}`);
    const live = sources.map(({ name }) => `select id from ${name} where id ${IS_WRITTEN}`).join(" union all ");
    expressions.splice(sources.length, 0, `live as materialized (${live})`);
    const statement = `with ${expressions.join(",\n")}\nselect id from live`;
    const { rows: written } = await this.db.executeQuery<{ id: string }>(CompiledQuery.raw(statement, parameters));
    return new Set(written.map(({ id }) => id));
  }

  /**
   * Counts the runs that begin, see `queue/starts.ts`: by their locked rows, which may be newer than the statement's
   * snapshot.
   */
  private starts(writes: readonly FencedBatch[]): Clause {
    return {
      name: "starting",
      rows: writes.flatMap(({ runId, batch }) => (batch.begun?.isRated === true ? { id: runId } : [])),
      sql: (rows) => `(
        insert into starts (workflow, started_at)
        select workflow, ${this.clock()} from fence join json_to_recordset(${rows}) as w(id text) using (id)
        where is_fresh = 1)`,
    };
  }

  private created(writes: readonly FencedBatch[]): Clause {
    const columns = Object.keys(NEW_RUN).join(", ");
    return {
      name: "created",
      rows: writes.flatMap(({ batch }) => batch.created ?? []),
      sql: (rows) => `(
        insert into runs (${columns}, lease_expires_at)
        select ${columns}, ${this.clock()} + lease
        from json_to_recordset(${rows}) as w(${declared(NEW_RUN)}, lease double precision)
        order by id
        on conflict (id) do nothing returning id)`,
    };
  }
}

/**
 * Locks the existing runs that this store drives, so that no other driver takes them over before the commit. A new run
 * is among them when the statement is a retry and was committed the first time.
 */
function fence(writes: readonly FencedBatch[]): Clause {
  return {
    name: "fence",
    rows: writes.map(({ runId, token, batch }) => ({ id: runId, token, owner: batch.owner })),
    sql: (rows) => `materialized (
      select r.id, r.workflow, r.is_fresh from runs r join json_to_recordset(${rows}) as w(id text, token integer, owner text)
        on r.id = w.id and r.fencing_token = w.token and (w.owner is null or w.owner = r.owner)
      where r.id ${IS_WRITTEN}
      order by r.id for update of r)`,
  };
}

/** Restricts a query to the runs to write. Redundant, but makes the server use its index instead of a scan. */
const IS_WRITTEN = "= any($1::text[])";

/** Restricts a query to the runs that this store drives. */
const IS_LIVE = "in (select id from live)";

function upsert<T extends keyof Tables>(
  name: string,
  { table, key, updated, insertOnly }: TableShape<T>,
  rows: readonly Tables[T][],
): Clause {
  const all: Columns = { ...key, ...updated, ...insertOnly };
  const columns = Object.keys(all).join(", ");
  const replaced = Object.keys(updated).map((column) => `${column} = excluded.${column}`);
  const action = replaced.length === 0 ? "do nothing" : `do update set ${replaced.join(", ")}`;
  const condition = "run_id" in all ? `where run_id ${IS_LIVE}` : "";
  return {
    name,
    rows,
    sql: (rows) => `(
      insert into ${table} (${columns})
      select ${columns} from json_to_recordset(${rows}) as w(${declared(all)}) ${condition}
      on conflict (${Object.keys(key).join(", ")}) ${action})`,
  };
}

/** Inserts events in order, each with the next number of its run, see `event-rows.ts`. */
function sent(events: readonly NewEvent[]): Clause {
  const columns = "run_id, root_id, id, event, payload, sent_at, for_owner";
  return {
    name: "sent",
    rows: events.map((event, place) => ({ ...event, place })),
    sql: (rows) => `(
      insert into events (${columns}, number)
      select ${columns},
        coalesce((select max(e.number) from events e where e.run_id = w.run_id), -1)
          + row_number() over (partition by run_id order by place)
      from json_to_recordset(${rows}) as w(place integer, run_id text, root_id text, id text, event text, payload text,
        sent_at double precision, for_owner text)
      where run_id ${IS_LIVE}
      on conflict (run_id, id) do nothing)`,
  };
}

function taken(writes: readonly FencedBatch[]): Clause {
  const taken_at = timeOfDay();
  return {
    name: "taken",
    rows: writes.flatMap(({ runId, batch }) => batch.taken.map((id) => ({ run_id: runId, id, taken_at }))),
    sql: (rows) => `(
      update events e set taken_at = w.taken_at, for_owner = null
      from json_to_recordset(${rows}) as w(run_id text, id text, taken_at double precision)
      where e.run_id = w.run_id and e.id = w.id and e.run_id ${IS_WRITTEN} and e.run_id ${IS_LIVE})`,
  };
}

/** Updates the rows of runs that began or ended, or whose metadata changed. */
function changes(writes: readonly FencedBatch[]): Clause {
  const columns = Object.keys(RUN_END);
  const set = columns.map((column) => `${column} = case when w.ends or w.begins then w.${column} else r.${column} end`);
  const changed = writes.filter(({ batch: { begun, end, metadata } }) => (begun ?? end ?? metadata) !== undefined);
  return {
    name: "changes",
    rows: changed.map(({ runId, batch: { begun, end, metadata } }) => ({
      id: runId,
      begins: begun !== undefined,
      ends: end !== undefined,
      metadata,
      status: "running",
      ...begun,
      ...end,
    })),
    sql: (rows) => `(
      update runs r set ${set.join(", ")},
        owner = case when w.ends then null else r.owner end,
        lease_expires_at = case when w.ends then null else r.lease_expires_at end,
        recoveries = case when w.ends then 0 else r.recoveries end,
        provided = case when w.ends then null else r.provided end,
        request = case when w.ends and (w.rests = 0 or r.request = w.carried_out) then null else r.request end,
        is_fresh = case when w.begins then 0 else r.is_fresh end,
        kind = coalesce(w.kind, r.kind),
        fingerprint = coalesce(w.fingerprint, r.fingerprint),
        fit = coalesce(w.fit, r.fit),
        inputs = coalesce(w.inputs, r.inputs),
        trace = coalesce(r.trace, w.trace),
        updated_at = coalesce(w.finished_at, w.updated_at, r.updated_at),
        metadata = coalesce(w.metadata, r.metadata)
      from json_to_recordset(${rows}) as w(id text, begins boolean, ends boolean, metadata text, rests integer,
        carried_out text, ${declared(RUN_BEGIN)}, ${declared(RUN_END)})
      where r.id = w.id and r.id ${IS_WRITTEN} and r.id ${IS_LIVE})`,
  };
}

const isUsed = ({ rows }: Clause) => rows.length > 0;

function declared(columns: Columns): string {
  return Object.entries(columns)
    .map(([column, type]) => `${column} ${type}`)
    .join(", ");
}
