import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { Kysely } from "kysely";
import { checkName } from "../base/check.js";
import { nowChecked, toEpoch } from "../base/clock.js";
import { StoreError } from "../base/errors.js";
import { newRunId } from "../base/ids.js";
import { messageOf } from "../base/message.js";
import type { CacheStore } from "../definition/policy-options.js";
import { Batch } from "./batch.js";
import { Codec, type StoredType } from "./codec.js";
import type { Connection } from "./connection.js";
import { GroupCommit, leaseLost, writeFailed } from "./group-commit.js";
import { differenceOf, type RunDifference } from "./comparison.js";
import { requireKept, requireNamesKept } from "./names.js";
import { notFound, readRun, runRow } from "./records.js";
import { Redaction } from "./redaction.js";
import { prune, type PruneOptions } from "./retention.js";
import { runDetails, type RunDetails } from "./run-details.js";
import { listRuns, type RunFilter, type RunPage } from "./run-list.js";
import { statsOf, type WorkflowStats } from "./statistics.js";
import { metadataText, SqlRunLog, type LogKeeper } from "./run-log.js";
import { migrate, type RunRow, type Tables } from "./schema.js";
import { tokensOf, writeBlobs, type Database } from "./statements.js";
import { SqlCache } from "./sql-cache.js";
import type { Claim, NewRun, RecordedRun, RunLog, RunStore, Unfinished, WorkflowKind } from "./store.js";

export interface StoreOptions {
  /** Classes whose instances may be stored, by the name under which they are. */
  types?: Readonly<Record<string, StoredType>>;
  /**
   * How long a run belongs to the process that drives it, in ms, unless that renews it, which it does three times as often. It
   * should be longer than any node blocks the event loop. @defaultValue 10 000
   */
  lease?: number;
  /**
   * What happens when a result can't be stored: the run fails, or goes on with the result in memory, and resuming it computes
   * the result again. @defaultValue "fail"
   */
  onUnstorable?: "fail" | "skip";
}

const DEFAULT_LEASE = 10_000;

/**
 * A SQL database that keeps runs and cached results. It is opened, and its tables made, at the first use.
 *
 * A run belongs to the process that drives it for as long as that renews its lease; what others write to it is refused.
 */
export class SqlStore implements RunStore {
  /** For `cache: { store: store.cache }`: results that survive a restart. */
  readonly cache: CacheStore;
  private readonly codec: Codec;
  private readonly lease: number;
  private readonly skipsUnstorable: boolean;
  /** Names this store among all that drive runs of the database. */
  private readonly owner = `${hostname()}/${process.pid}/${newRunId()}`;
  private readonly worker = `${hostname()}/${process.pid}`;
  /** The runs that are driven through this store. */
  private readonly driven = new Map<string, SqlRunLog>();
  private heartbeat: NodeJS.Timeout | undefined;
  /** What records the ends of runs that have settled. */
  private readonly unfinished = new Set<Promise<unknown>>();
  private readonly commits = new GroupCommit(() => this.open());
  private readonly keeper: LogKeeper;
  private readonly redaction = new Redaction();
  private opened: Promise<Database> | undefined;
  private isClosed = false;

  /** @internal */
  constructor(
    private readonly connect: () => Promise<Connection>,
    { types, lease = DEFAULT_LEASE, onUnstorable = "fail" }: StoreOptions,
  ) {
    this.codec = new Codec(types);
    this.lease = lease;
    this.skipsUnstorable = onUnstorable === "skip";
    this.cache = new SqlCache(async () => (await this.open()).db, this.codec);
    this.keeper = {
      codec: this.codec,
      worker: this.worker,
      skipsUnstorable: this.skipsUnstorable,
      changed: (log, soon) => this.commits.add(log, soon),
      released: (log) => this.release(log),
    };
  }

  // --- for people ---

  /** The runs that are recorded, the newest first, page by page. */
  async listRuns(filter: RunFilter = {}): Promise<RunPage> {
    return listRuns((await this.settled()).db, filter);
  }

  /** All that is recorded of a run; undefined when there is none of this id. */
  async getRun(runId: string): Promise<RunDetails | undefined> {
    checkName("runId", runId);
    return runDetails((await this.settled()).db, runId, this.codec, this.redaction);
  }

  /** What differs between two runs. @throws {StoreError} NOT_FOUND */
  async diffRuns(a: string, b: string): Promise<RunDifference> {
    return differenceOf(await this.existing(a), await this.existing(b));
  }

  /** How the runs of a workflow went, and how long its nodes took. */
  async stats(workflow: string): Promise<WorkflowStats> {
    checkName("workflow", workflow);
    return statsOf((await this.settled()).db, workflow);
  }

  /**
   * Removes runs that are over, with all that is recorded of them. A run is kept that neither option removes; running and
   * paused ones always are.
   * @returns how many were removed
   */
  async prune(options: PruneOptions): Promise<number> {
    return prune((await this.open()).db, options);
  }

  /**
   * Hides values from whoever reads runs with `getRun` and `diffRuns`, from now on; what resuming needs is not touched.
   * @param path - a node or state, `inputs` or `metadata`, and where in the value: `login.token`, `rows[0].email`, `users.*.email`
   */
  redact(path: string): this {
    checkName("path", path);
    this.redaction.add(path);
    return this;
  }

  /** The database, as soon as the ends of all runs that have settled are in it, or can't be. */
  private async settled(): Promise<Database> {
    while (this.unfinished.size > 0) await Promise.all(this.unfinished);
    return this.open();
  }

  private async existing(runId: string): Promise<RunDetails> {
    const run = await this.getRun(runId);
    if (run === undefined) throw notFound(runId);
    return run;
  }

  // --- the store as such ---

  /** Writes what is waiting and closes the database; what is asked of the store afterwards is refused. Can be repeated. */
  async close(): Promise<void> {
    while (this.unfinished.size > 0) await Promise.all(this.unfinished);
    if (!this.isClosed && this.opened !== undefined) await this.commits.settled();
    this.isClosed = true;
    clearInterval(this.heartbeat);
    const { opened } = this;
    this.opened = undefined;
    await (await opened?.catch(() => undefined))?.db.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- the driving of runs ---

  /** @internal */
  async create(run: NewRun): Promise<RunLog> {
    requireKept("The run id", run.runId);
    requireKept("The workflow's name", run.workflow);
    requireNamesKept(run.structure);
    const batch = new Batch();
    const metadata = run.metadata();
    const text = metadata === undefined ? null : metadataText(metadata, this.keeper);
    const now = toEpoch(nowChecked());
    const fingerprint = fingerprintOf(run.structure);
    batch.blobs.set(fingerprint, run.structure);
    const row: RunRow = {
      id: run.runId,
      workflow: run.workflow,
      kind: run.kind,
      fingerprint,
      parent_run_id: run.parent?.runId ?? null,
      parent_node: run.parent?.node ?? null,
      scope: run.scope === undefined ? null : batch.keep(JSON.stringify(run.scope)),
      status: "running",
      inputs: batch.keep(this.codec.encode({ ...run.inputs }, "The inputs")),
      outputs: null,
      metadata: text === null ? null : batch.keep(text),
      error: null,
      owner: this.owner,
      lease_expires_at: now + this.lease,
      fencing_token: 1,
      created_at: now,
      updated_at: now,
      finished_at: null,
    };
    await this.transaction(async (db) => {
      const inserted = await db
        .insertInto("runs")
        .values(row)
        .onConflict((conflict) => conflict.column("id").doNothing())
        .executeTakeFirst();
      if (inserted.numInsertedOrUpdatedRows === 0n) {
        const message = `There is a run "${run.runId}" already. Resume that, or run under another id.`;
        throw new StoreError(message, "RUN_EXISTS");
      }
      await writeBlobs(db, run.runId, batch.blobs);
    });
    return this.drive(new SqlRunLog(run.runId, 1, run, this.keeper, text));
  }

  /** @internal */
  async claim(runId: string, accept: (run: RecordedRun) => Claim | undefined): Promise<RunLog | undefined> {
    let refusal: { readonly error: unknown } | undefined;
    const asked = (run: RecordedRun): Claim | undefined => {
      try {
        return accept(run);
      } catch (error) {
        refusal = { error };
        throw error;
      }
    };
    const claiming = this.transaction(async (db, locksRows) => {
      const row = await runRow(db, runId, locksRows);
      this.requireFree(row);
      const claim = asked(await readRun(db, row, this.codec));
      if (claim === undefined) return undefined;
      const token = row.fencing_token + 1;
      const now = toEpoch(nowChecked());
      const driver = { owner: this.owner, lease_expires_at: now + this.lease, fencing_token: token, updated_at: now };
      const begun = { status: "running", finished_at: null, error: null, outputs: null };
      await db
        .updateTable("runs")
        .set({ ...driver, ...begun })
        .where("id", "=", runId)
        .execute();
      if (claim.structure !== undefined) {
        const fingerprint = fingerprintOf(claim.structure);
        await writeBlobs(db, runId, new Map([[fingerprint, claim.structure]]));
        await db.updateTable("runs").set({ fingerprint }).where("id", "=", runId).execute();
      }
      for (const node of claim.discard) {
        const results = db.updateTable("node_executions").set({ status: "superseded", output: null });
        await results.where("run_id", "=", runId).where("node", "=", node).execute();
      }
      return new SqlRunLog(runId, token, claim, this.keeper, row.metadata);
    });
    try {
      const log = await claiming;
      return log === undefined ? undefined : this.drive(log);
    } catch (error) {
      throw refusal === undefined ? error : refusal.error;
    }
  }

  /** @internal */
  async read(runId: string): Promise<RecordedRun> {
    const { db } = await this.open();
    return readRun(db, await runRow(db, runId), this.codec);
  }

  /** @internal */
  async abandoned(workflow: string, kind: WorkflowKind): Promise<Unfinished> {
    const { db } = await this.open();
    const rows = await db
      .selectFrom("runs")
      .select(["id", "owner", "lease_expires_at"])
      .where("workflow", "=", workflow)
      .where("kind", "=", kind)
      .where("status", "=", "running")
      .orderBy("created_at")
      .orderBy("id")
      .execute();
    const free: string[] = [];
    const held: string[] = [];
    for (const row of rows) {
      if (this.isFree(row)) free.push(row.id);
      else if (row.owner !== this.owner) held.push(row.id);
    }
    return { free, held };
  }

  /** @internal */
  outlast(work: Promise<unknown>): void {
    const settled = work
      .then(
        () => {},
        () => {},
      )
      .finally(() => this.unfinished.delete(settled));
    this.unfinished.add(settled);
  }

  /** @throws {StoreError} LEASE_HELD */
  private requireFree(row: RunRow): void {
    if (this.isFree(row)) return;
    const rest = Math.ceil((row.lease_expires_at as number) - toEpoch(nowChecked()));
    const message = `The run "${row.id}" is driven by ${row.owner}, whose lease runs ${rest} ms more. Wait for its end, or for the end of the lease.`;
    throw new StoreError(message, "LEASE_HELD");
  }

  /** Whether nobody drives a run; whatever its lease says, this store knows which ones it drives. */
  private isFree({ id, owner, lease_expires_at }: Pick<RunRow, "id" | "owner" | "lease_expires_at">): boolean {
    if (owner === null || lease_expires_at === null) return true;
    if (owner === this.owner) return !this.driven.has(id);
    return lease_expires_at < toEpoch(nowChecked());
  }

  private drive(log: SqlRunLog): SqlRunLog {
    this.driven.set(log.runId, log);
    this.heartbeat ??= setInterval(() => void this.renew(), this.lease / 3).unref();
    return log;
  }

  private release(log: SqlRunLog): void {
    if (this.driven.get(log.runId) === log) this.driven.delete(log.runId);
    if (this.driven.size > 0) return;
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
  }

  /** Renews the leases of all runs driven here, and notices those that were lost. */
  private async renew(): Promise<void> {
    try {
      await this.transaction(async (db, locksRows) => {
        const tokens = await tokensOf(db, Array.from(this.driven.keys()), locksRows);
        const lease_expires_at = toEpoch(nowChecked()) + this.lease;
        for (const log of Array.from(this.driven.values())) {
          if (tokens.get(log.runId) !== log.token) log.fail(leaseLost(log.runId));
          else await db.updateTable("runs").set({ lease_expires_at }).where("id", "=", log.runId).execute();
        }
      });
    } catch (error) {
      const message = `The leases of runs could not be renewed: ${messageOf(error)}`;
      process.emitWarning(message, "DagwrightStoreWarning");
    }
  }

  // --- the database ---

  private async transaction<T>(work: (db: Kysely<Tables>, locksRows: boolean) => Promise<T>): Promise<T> {
    const { db, locksRows } = await this.open();
    try {
      return await db.transaction().execute((trx) => work(trx, locksRows));
    } catch (cause) {
      throw cause instanceof StoreError ? cause : writeFailed(cause);
    }
  }

  private open(): Promise<Database> {
    if (this.isClosed) return Promise.reject(new StoreError("The store is closed. Make a new one."));
    if (this.opened === undefined) {
      const opening = this.openNow();
      this.opened = opening;
      // The next use tries again.
      opening.catch(() => {
        if (this.opened === opening) this.opened = undefined;
      });
    }
    return this.opened;
  }

  private async openNow(): Promise<Database> {
    const { dialect, locksRows, serialize } = await this.connect();
    const db = new Kysely<Tables>({ dialect });
    try {
      await migrate(db, serialize);
      return { db, locksRows };
    } catch (cause) {
      await db.destroy();
      if (cause instanceof StoreError) throw cause;
      throw new StoreError(`The store's tables can't be made: ${messageOf(cause)}.`, "STORE", { cause });
    }
  }
}

function fingerprintOf(structure: string): string {
  return createHash("sha256").update(structure).digest("hex");
}
