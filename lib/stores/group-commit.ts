import type { CompiledQuery, Kysely, Transaction } from "kysely";
import { setImmediate } from "../base/turn.js";
import { nowChecked, toEpoch } from "../base/clock.js";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import type { Batch } from "./batch.js";
import type { SqlRunLog } from "./run-log.js";
import type { AttemptRow, CycleRow, EventRow, Tables, TraversalRow } from "./schema.js";
import { Upsert } from "./upsert.js";

/** How long what nobody waits for may wait to be written, in ms. */
const LONGEST_DELAY = 50;

/** Keys in one condition. */
const MOST_KEYS = 500;

/** What differs between databases. */
export interface Database {
  readonly db: Kysely<Tables>;
  /** Rows that are read to be changed have to be locked: transactions run beside each other. */
  readonly locksRows: boolean;
}

/**
 * Writes what the runs of a store add: in one transaction for all that was added in the same turn of the event loop, and one
 * transaction after the other. A run that somebody else has taken over is left out, and its log fails.
 */
export class GroupCommit {
  private readonly changed = new Set<SqlRunLog>();
  private current: Promise<void> | undefined;
  private isDue = false;
  private timer: NodeJS.Timeout | undefined;
  private statements: Statements | undefined;

  constructor(private readonly open: () => Promise<Database>) {}

  /** @param soon - when the event loop turns */
  add(log: SqlRunLog, soon: boolean): void {
    this.changed.add(log);
    if (!soon) {
      this.timer ??= setTimeout(() => this.start(), LONGEST_DELAY).unref();
      return;
    }
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.start();
    });
  }

  /** Resolves when all that was added is written, or can't be. */
  async settled(): Promise<void> {
    this.start();
    while (this.current !== undefined) await this.current;
  }

  private start(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.current !== undefined || this.changed.size === 0) return;
    this.current = this.writeAll().finally(() => (this.current = undefined));
  }

  private async writeAll(): Promise<void> {
    while (this.changed.size > 0) {
      const batches: [SqlRunLog, Batch][] = [];
      for (const log of this.changed) {
        this.changed.delete(log);
        const batch = log.take();
        if (batch !== undefined) batches.push([log, batch]);
      }
      try {
        const lost = await this.write(batches);
        for (const [log] of batches) if (!lost.has(log)) log.wrote();
        for (const log of lost) log.fail(leaseLost(log.runId));
      } catch (cause) {
        const error = cause instanceof StoreError ? cause : writeFailed(cause);
        for (const [log] of batches) log.fail(error);
      }
    }
  }

  /** Gives the runs that somebody else has taken over. */
  private async write(batches: readonly [SqlRunLog, Batch][]): Promise<ReadonlySet<SqlRunLog>> {
    const database = await this.open();
    const statements = (this.statements ??= new Statements(database));
    return database.db.transaction().execute(async (trx) => {
      const tokens = await statements.tokensOf(
        trx,
        batches.map(([log]) => log.runId),
      );
      const lost = new Set<SqlRunLog>();
      const live: [SqlRunLog, Batch][] = [];
      for (const entry of batches) {
        if (tokens.get(entry[0].runId) === entry[0].token) live.push(entry);
        else lost.add(entry[0]);
      }
      await statements.write(trx, live);
      return lost;
    });
  }
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
class Statements {
  private readonly locksRows: boolean;
  private readonly token: CompiledQuery<TokenRow>;
  private readonly attempts: Upsert<"node_executions">;
  private readonly traversals: Upsert<"edge_traversals">;
  private readonly cycles: Upsert<"fsm_cycles">;
  private readonly events: Upsert<"fsm_events">;

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
    this.events = new Upsert(db, "fsm_events", ["run_id", "number"], ["event", "payload"]);
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
    const events: EventRow[] = [];
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
    await this.events.run(trx, events);
    for (const [{ runId }, { taken, run }] of batches) {
      for (let at = 0; at < taken.length; at += MOST_KEYS) {
        const numbers = taken.slice(at, at + MOST_KEYS);
        await trx.deleteFrom("fsm_events").where("run_id", "=", runId).where("number", "in", numbers).execute();
      }
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

export function leaseLost(runId: string): StoreError {
  const message = `The run "${runId}" was taken over by another process, because its lease had run out. Nothing more of it is written here. Raise the store option "lease" above the longest time that a node blocks the event loop.`;
  return new StoreError(message, "LEASE_LOST");
}

export function writeFailed(cause: unknown): StoreError {
  const message = `The store can't be written: ${messageOf(cause)}. The run can be resumed when that is mended.`;
  return new StoreError(message, "STORE", { cause });
}
