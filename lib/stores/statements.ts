import type { CompiledQuery, Kysely, Transaction } from "kysely";
import { nowChecked, toEpoch } from "../base/clock.js";
import type { Batch } from "./batch.js";
import { insertEvents, takeEvents, type NewEvent } from "./event-rows.js";
import type { SqlRunLog } from "./run-log.js";
import type { AttemptRow, CycleRow, Tables, TraversalRow } from "./schema.js";
import { Upsert } from "./upsert.js";

/** Keys in one condition. */
const MOST_KEYS = 500;

/** What differs between databases. */
export interface Database {
  readonly db: Kysely<Tables>;
  /** Rows that are read to be changed have to be locked: transactions run beside each other. */
  readonly locksRows: boolean;
}

/** The fencing tokens of some runs, which stay what they are for the rest of the transaction. */
export async function tokensOf(
  trx: Kysely<Tables>,
  runIds: readonly string[],
  locksRows: boolean,
): Promise<Map<string, number>> {
  const tokens = new Map<string, number>();
  for (let at = 0; at < runIds.length; at += MOST_KEYS) {
    const query = tokenQuery(trx, runIds.slice(at, at + MOST_KEYS), locksRows);
    for (const { id, fencing_token } of await query.execute()) tokens.set(id, fencing_token);
  }
  return tokens;
}

type TokenRow = Pick<Tables["runs"], "id" | "fencing_token">;

function tokenQuery(db: Kysely<Tables>, ids: readonly string[], locksRows: boolean) {
  const query = db.selectFrom("runs").select(["id", "fencing_token"]).where("id", "in", ids).orderBy("id");
  return locksRows ? query.forUpdate() : query;
}

/** What writes batches, built once. */
export class Statements {
  private readonly locksRows: boolean;
  private readonly token: CompiledQuery<TokenRow>;
  private readonly attempts: Upsert<"node_executions">;
  private readonly traversals: Upsert<"edge_traversals">;
  private readonly cycles: Upsert<"fsm_cycles">;

  constructor({ db, locksRows }: Database) {
    this.locksRows = locksRows;
    this.token = tokenQuery(db, [""], locksRows).compile();
    const attempt = [
      "status",
      "worker",
      "output",
      "branch",
      "is_cached",
      "error",
      "reason",
      "started_at",
      "finished_at",
    ];
    this.attempts = new Upsert(db, "node_executions", ["run_id", "node", "attempt"], attempt);
    const traversal = ["output", "traversed_at"];
    this.traversals = new Upsert(db, "edge_traversals", ["run_id", "target", "input", "source"], traversal);
    const cycle = ["state", "status", "attempts", "worker", "input", "event", "output", "error", "reason", "wait"];
    this.cycles = new Upsert(db, "fsm_cycles", ["run_id", "cycle"], [...cycle, "started_at", "finished_at"]);
  }

  /** See {@link tokensOf}. */
  async tokensOf(trx: Transaction<Tables>, runIds: readonly string[]): Promise<Map<string, number>> {
    if (runIds.length > 1) return tokensOf(trx, runIds, this.locksRows);
    const { rows } = await trx.executeQuery<TokenRow>({ ...this.token, parameters: runIds });
    return new Map(rows.map(({ id, fencing_token }) => [id, fencing_token]));
  }

  async write(trx: Transaction<Tables>, batches: readonly [SqlRunLog, Batch][]): Promise<void> {
    const attempts: AttemptRow[] = [];
    const traversals: TraversalRow[] = [];
    const cycles: CycleRow[] = [];
    const events: NewEvent[] = [];
    for (const [{ runId }, batch] of batches) {
      await writeBlobs(trx, runId, batch.blobs);
      for (const row of batch.earlier) attempts.push(row);
      for (const row of batch.attempts.values()) attempts.push(row);
      for (const rows of batch.traversals.values()) for (const row of rows) traversals.push(row);
      for (const row of batch.cycles.values()) cycles.push(row);
      for (const row of batch.sent.values()) events.push(row);
    }
    await this.attempts.run(trx, attempts);
    await this.traversals.run(trx, traversals);
    await this.cycles.run(trx, cycles);
    await insertEvents(trx, events);
    for (const [{ runId }, { taken, run }] of batches) {
      await takeEvents(trx, runId, taken);
      if (run !== undefined) await trx.updateTable("runs").set(run).where("id", "=", runId).execute();
    }
  }
}

/** Keeps long texts, once each whoever uses them. */
export async function writeBlobs(
  trx: Kysely<Tables>,
  runId: string,
  blobs: ReadonlyMap<string, string>,
): Promise<void> {
  const used_at = toEpoch(nowChecked());
  for (const [hash, data] of blobs) {
    // Marked as used even where it is there already, so that nobody removes it meanwhile.
    await trx
      .insertInto("blobs")
      .values({ hash, data, used_at })
      .onConflict((conflict) => conflict.column("hash").doUpdateSet({ used_at }))
      .execute();
    await trx
      .insertInto("blob_uses")
      .values({ run_id: runId, hash })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}
