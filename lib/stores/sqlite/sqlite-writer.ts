import { type CompiledQuery, type Kysely, type RawBuilder, sql, type Transaction } from "kysely";
import { type BatchRows, collectRows } from "../writing/batch-rows.js";
import type { BatchWriter, FencedBatch } from "../writing/batch-writer.js";
import type { Batch } from "../writing/batch.js";
import { NEW_RUN, RUN_END, SHAPES } from "../writing/columns.js";
import { insertEvents, takeEvents } from "../writing/event-rows.js";
import { parts } from "../database/parts.js";
import { countStart } from "../queue/starts.js";
import type { Tables } from "../database/schema.js";
import { Upsert } from "./upsert.js";

type IdRow = Pick<Tables["runs"], "id">;
type TokenRow = Pick<Tables["runs"], "id" | "fencing_token" | "owner">;

/**
 * Writes batches with one prepared statement after another: SQLite runs in this process, so there are no round trips to
 * save.
 */
export class SqliteWriter implements BatchWriter {
  /** Depends on the clock, which gives the lease. */
  private insertRun: { readonly clock: RawBuilder<number>; readonly query: CompiledQuery<IdRow> } | undefined;
  private readonly selectToken: CompiledQuery<TokenRow>;
  private readonly beginRun: CompiledQuery;
  private readonly endRun: CompiledQuery;
  private readonly updateMetadata: CompiledQuery;
  private readonly attempts: Upsert<"node_executions">;
  private readonly traversals: Upsert<"edge_traversals">;
  private readonly cycles: Upsert<"fsm_cycles">;
  private readonly waits: Upsert<"waits">;
  private readonly moments: Upsert<"moments">;
  private readonly blobs: Upsert<"blobs">;
  private readonly blobUses: Upsert<"blob_uses">;

  /** @param clock - see `database.ts` */
  constructor(
    private readonly db: Kysely<Tables>,
    private readonly clock: () => RawBuilder<number>,
  ) {
    this.selectToken = tokenQuery(db, [""]).compile();
    const begun = Object.keys(RUN_END).filter((column) => column !== "status");
    const nulls = begun.map((column) => sql`${sql.ref(column)} = null`);
    this.beginRun = sql`update runs set status = 'running', is_fresh = 0, ${sql.join(nulls)}, updated_at = ${0},
      kind = coalesce(${0}, kind), fingerprint = coalesce(${0}, fingerprint), fit = coalesce(${0}, fit),
      inputs = coalesce(${0}, inputs), trace = coalesce(trace, ${0})
      where id = ${0}`.compile(db);
    const changes = Object.keys(RUN_END).map((column) => sql`${sql.ref(column)} = ${0}`);
    const release = sql`owner = null, lease_expires_at = null, recoveries = 0, provided = null,
      request = case when ${0} = 1 and request is not ${0} then request end, updated_at = ${0}, metadata = coalesce(${0}, metadata)`;
    this.endRun = sql`update runs set ${sql.join(changes)}, ${release} where id = ${0}`.compile(db);
    this.updateMetadata = sql`update runs set metadata = ${0} where id = ${0}`.compile(db);
    this.attempts = new Upsert(db, SHAPES.ATTEMPTS);
    this.traversals = new Upsert(db, SHAPES.TRAVERSALS);
    this.cycles = new Upsert(db, SHAPES.CYCLES);
    this.waits = new Upsert(db, SHAPES.WAITS);
    this.moments = new Upsert(db, SHAPES.MOMENTS);
    this.blobs = new Upsert(db, SHAPES.BLOBS);
    this.blobUses = new Upsert(db, SHAPES.BLOB_USES);
  }

  write(writes: readonly FencedBatch[]): Promise<ReadonlySet<string>> {
    return this.db.transaction().execute(async (trx) => {
      const ids = await this.drivenRuns(trx, writes);
      const written = ids.length === writes.length ? writes : writes.filter(({ runId }) => ids.includes(runId));
      await this.writeRows(trx, collectRows(written));
      for (const { runId, batch } of written) await this.writeRun(trx, runId, batch);
      return new Set(ids);
    });
  }

  /** Inserts new runs. Returns the ids of the runs that this store drives. */
  private async drivenRuns(trx: Transaction<Tables>, writes: readonly FencedBatch[]): Promise<string[]> {
    const ids: string[] = [];
    const known = writes.filter(({ batch }) => batch.created === undefined);
    for (const part of parts(known)) {
      const rows = await this.tokensOf(
        trx,
        part.map(({ runId }) => runId),
      );
      for (const { runId, token, batch } of part) {
        const row = rows.get(runId);
        const { owner = row?.owner } = batch;
        if (row?.fencing_token === token && row.owner === owner) ids.push(runId);
      }
    }
    for (const { batch } of writes) {
      const { created } = batch;
      if (created === undefined) continue;
      const parameters = (Object.keys(NEW_RUN) as (keyof typeof NEW_RUN)[]).map((column) => created[column]);
      const { rows } = await trx.executeQuery<IdRow>({
        ...this.insertQuery(),
        parameters: [...parameters, created.lease],
      });
      for (const { id } of rows) ids.push(id);
    }
    return ids;
  }

  private insertQuery(): CompiledQuery<IdRow> {
    const clock = this.clock();
    if (this.insertRun?.clock !== clock) {
      const columns = Object.keys(NEW_RUN).map((column) => sql.ref(column));
      const values = columns.map(() => sql`${0}`);
      const query = sql<IdRow>`
        insert into runs (${sql.join(columns)}, lease_expires_at) values (${sql.join(values)}, ${clock} + ${0})
        on conflict (id) do nothing returning id`.compile(this.db);
      this.insertRun = { clock, query };
    }
    return this.insertRun.query;
  }

  private async tokensOf(trx: Transaction<Tables>, runIds: readonly string[]): Promise<Map<string, TokenRow>> {
    const query = runIds.length === 1 ? { ...this.selectToken, parameters: runIds } : tokenQuery(trx, runIds).compile();
    const { rows } = await trx.executeQuery<TokenRow>(query);
    return new Map(rows.map((row) => [row.id, row]));
  }

  private async writeRows(trx: Transaction<Tables>, rows: BatchRows): Promise<void> {
    await this.blobs.run(trx, rows.blobs);
    await this.blobUses.run(trx, rows.blobUses);
    await this.attempts.run(trx, rows.attempts);
    await this.traversals.run(trx, rows.traversals);
    await this.cycles.run(trx, rows.cycles);
    await this.waits.run(trx, rows.waits);
    await this.moments.run(trx, rows.moments);
    await insertEvents(trx, rows.sent);
  }

  /** Updates the run's own row, and marks the events that it took. */
  private async writeRun(
    trx: Transaction<Tables>,
    runId: string,
    { begun, taken, metadata, end }: Batch,
  ): Promise<void> {
    if (begun !== undefined) {
      const { isRated, updated_at, kind, fingerprint, fit, inputs, trace } = begun;
      if (isRated) await countStart(trx, { clock: this.clock() }, runId);
      const parameters = [updated_at, kind, fingerprint, fit, inputs, trace, runId];
      await trx.executeQuery({ ...this.beginRun, parameters });
    }
    await takeEvents(trx, runId, taken);
    if (end !== undefined) {
      const changes = (Object.keys(RUN_END) as (keyof typeof RUN_END)[]).map((column) => end[column]);
      const parameters = [...changes, end.rests, end.carried_out, end.finished_at, metadata ?? null, runId];
      await trx.executeQuery({ ...this.endRun, parameters });
    } else if (metadata !== undefined) {
      await trx.executeQuery({ ...this.updateMetadata, parameters: [metadata, runId] });
    }
  }
}

function tokenQuery(db: Kysely<Tables>, ids: readonly string[]) {
  return db.selectFrom("runs").select(["id", "fencing_token", "owner"]).where("id", "in", ids);
}
