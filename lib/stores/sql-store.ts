import { randomInt } from "node:crypto";
import { hostname } from "node:os";
import { checkName } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import type { CacheStore } from "../definition/specs/policy-options.js";
import { recoverableRuns } from "./recoverable-runs.js";
import { DatabaseAccess, storeClosed } from "./database-access.js";
import { cancelRun } from "./cancellation.js";
import { claimRun } from "./claim.js";
import { Codec, type StoredType } from "./codec.js";
import type { DatabaseAdapter, Database } from "./database.js";
import { GroupCommit } from "./group-commit.js";
import { compareRuns, type RunDifference } from "./comparison.js";
import { cyclesAfter } from "./latest-cycles.js";
import { Leases } from "./leases.js";
import { sendEvent } from "./send-event.js";
import { requireKey, requireStorableNames } from "./storable-text.js";
import { newRunRow } from "./new-run.js";
import { OUTCOME_TYPES } from "./outcomes.js";
import { EventPoller } from "./event-poller.js";
import { findAndLockRunRow, lockRunRow, notFound, readRun, requireRunRow } from "./records.js";
import { Redaction } from "./redaction.js";
import { removeRun } from "./removal.js";
import { prune, type PruneOptions } from "./retention.js";
import { runDetails, type RunDetails } from "./run-details.js";
import { listRuns, type RunFilter, type RunPage } from "./run-list.js";
import { workflowStats, type WorkflowStats } from "./statistics.js";
import { runExists, SqlRunLog, type LogHost } from "./run-log.js";
import { SqlCache } from "./sql-cache.js";
import { InFlight } from "./in-flight.js";
import type {
  Claim,
  NewRun,
  RecordedRun,
  RunLog,
  RunStore,
  SentEvent,
  RecoverableRuns,
  StateVisit,
  WorkflowKind,
} from "./store.js";

export interface StoreOptions {
  /** Classes whose instances may be stored, by the name under which they are. */
  types?: Readonly<Record<string, StoredType>> | undefined;
  /**
   * How long a run belongs to the process that drives it, in ms, unless that renews it, which it does three times as often. It
   * should be longer than any node blocks the event loop. @defaultValue 10 000
   */
  lease?: number | undefined;
  /**
   * What happens when the result of a node can't be stored: the run fails, or goes on with the result in memory, and resuming
   * it computes the result again. With `skip`, entries of the metadata and the data of pauses that can't be stored are left out
   * of the record as well. Inputs, events and the values of states always have to be storable. @defaultValue "fail"
   */
  onUnstorable?: "fail" | "skip" | undefined;
}

const DEFAULT_LEASE = 10_000;

/** Columns hold twice as much. */
const MAX_FIRST_TOKEN = 2 ** 30;

/**
 * A SQL database that keeps runs and cached results. It is opened, and its tables made, at the first use.
 *
 * A run belongs to the process that drives it for as long as that renews its lease; what others write to it is refused.
 */
export class SqlStore implements RunStore {
  /** For `cache: { store: store.cache }`: results that survive a restart. */
  readonly cache: CacheStore;
  private readonly access: DatabaseAccess;
  private readonly codec: Codec;
  private readonly leases: Leases;
  private readonly commits: GroupCommit;
  /** What records the ends of runs that have settled. */
  private readonly pendingEnds = new InFlight();
  private readonly logHost: LogHost;
  private readonly eventPoller: EventPoller;
  private readonly redaction = new Redaction();
  private closing: Promise<void> | undefined;

  /**
   * @internal
   * @param connect - gives a `Connection`, whose type would bring all of kysely's into the package's own
   */
  constructor(connect: () => Promise<object>, { types, lease = DEFAULT_LEASE, onUnstorable = "fail" }: StoreOptions) {
    const access = (this.access = new DatabaseAccess(connect as () => Promise<DatabaseAdapter>));
    const open = () => access.open();
    this.codec = new Codec(types);
    this.leases = new Leases(lease, open);
    this.commits = new GroupCommit(open);
    const cached = new Codec({ ...types, ...OUTCOME_TYPES });
    this.cache = new SqlCache((work) => access.run(() => access.retry(work, cacheFailed)), cached);
    this.logHost = {
      codec: this.codec,
      worker: `${hostname()}/${process.pid}`,
      skipsUnstorable: onUnstorable === "skip",
      scheduleCommit: (log, soon) => this.commits.add(log, soon),
      released: (log) => {
        this.leases.release(log);
        this.eventPoller.waits(log, false);
      },
      waits: (log, isWaiting) => this.eventPoller.waits(log, isWaiting),
      pollEvents: () => this.eventPoller.poll(),
    };
    this.eventPoller = new EventPoller(this.leases.owner, this.leases.driven, this.codec, access);
  }

  // --- for people ---

  /** The runs that are recorded, the newest first, page by page. */
  async listRuns(filter: RunFilter = {}): Promise<RunPage> {
    return this.inspect(({ db }) => listRuns(db, filter, this.codec, this.redaction));
  }

  /** All that is recorded of a run; undefined when there is none of this id. */
  async getRun(runId: string): Promise<RunDetails | undefined> {
    checkName("runId", runId);
    return this.access.run(async () => {
      await this.pendingEnds.settled();
      return this.access.readConsistent((db) => runDetails(db, runId, this.codec, this.redaction));
    });
  }

  /** What differs between two runs. @throws {StoreError} NOT_FOUND */
  async diffRuns(a: string, b: string): Promise<RunDifference> {
    const [one, other] = await Promise.all([this.requireRun(a), this.requireRun(b)]);
    return compareRuns(one, other);
  }

  /** How the runs of a workflow went, and how long its nodes took. */
  async stats(workflow: string): Promise<WorkflowStats> {
    checkName("workflow", workflow);
    return this.inspect(({ db }) => workflowStats(db, workflow));
  }

  /**
   * Ends a run as `cancelled` that nobody drives: a paused one, or one whose process is gone.
   * @param reason - becomes part of the run's error
   * @throws {StoreError} NOT_FOUND, RUN_ENDED when it is over, LEASE_HELD while somebody drives it
   */
  async cancel(runId: string, reason?: unknown): Promise<void> {
    checkName("runId", runId);
    await this.transaction<number>(async (trx, database, token) => {
      const row = await lockRunRow(trx, database, runId);
      // Where that was rolled back, whoever took the run over meanwhile has the same token.
      if (row.fencing_token === token && row.status === "cancelled") return token;
      this.leases.requireFree(row, "Cancel it there, through its handle, or wait for the end of the lease.");
      return cancelRun(trx, row, reason, this.codec);
    });
  }

  /**
   * Removes a run that nobody drives, whatever its status, with all that is recorded of it.
   * @throws {StoreError} NOT_FOUND, LEASE_HELD while somebody drives it
   */
  async delete(runId: string): Promise<void> {
    checkName("runId", runId);
    await this.transaction<number>(async (trx, database, removed) => {
      // Also what nobody can read.
      const row = await findAndLockRunRow(trx, database, runId);
      // A run of this id that began at another time is another one.
      if (removed !== undefined && row?.created_at !== removed) return removed;
      if (row === undefined) throw notFound(runId);
      this.leases.requireFree(row, "End it there, through its handle, or wait for the end of the lease.");
      await removeRun(trx, database, row);
      return row.created_at;
    });
  }

  /**
   * Removes runs that are over, with all that is recorded of them. A run is kept that neither option removes; running ones
   * always are, and paused ones unless told otherwise.
   * @returns how many were removed
   */
  async prune(options: PruneOptions): Promise<number> {
    return this.access.run(() => prune(options, this.access));
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

  private async requireRun(runId: string): Promise<RunDetails> {
    const run = await this.getRun(runId);
    if (run === undefined) throw notFound(runId);
    return run;
  }

  // --- the store as such ---

  /**
   * Refuses what is asked of the store from now on, does what was asked before, writes what is waiting, gives back the runs that
   * are driven here, so that others can go on with them at once, and closes the database. Can be repeated.
   */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    const { access, leases } = this;
    access.stopAccepting();
    await this.pendingEnds.settled();
    await this.commits.finish();
    await access.drained();
    this.eventPoller.stop();
    // What can't be recorded does not go on.
    for (const log of Array.from(leases.driven.values())) log.fail(storeClosed());
    await access.close(async (database) => {
      await leases.releaseAll(database);
      await database.beforeClose?.(database.db);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- the driving of runs ---

  /** @internal */
  async create(run: NewRun): Promise<RunLog> {
    this.access.requireOpen();
    requireKey("The run id", run.runId);
    requireKey("The workflow's name", run.workflow);
    requireStorableNames(run.structure);
    const { leases, logHost } = this;
    if (leases.driven.has(run.runId)) throw runExists(run.runId);
    // Not the same for each: the driver of a removed run may not know yet that another one has its id.
    const token = randomInt(1, MAX_FIRST_TOKEN);
    const log = new SqlRunLog(run.runId, token, run.driver, logHost);
    leases.add(log);
    return log.create((batch) => newRunRow(run, token, batch, leases, logHost));
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
    const { leases, logHost } = this;
    let log: SqlRunLog | undefined;
    try {
      await this.transaction<SqlRunLog | undefined>(async (trx, database, claimed) => {
        log = await claimRun(trx, database, leases, logHost, runId, asked, claimed);
        return log;
      });
      // What was taken over meanwhile is given back.
      this.access.requireOpen();
    } catch (error) {
      if (log !== undefined) leases.release(log);
      throw refusal === undefined ? error : refusal.error;
    }
    return log?.markRegistered();
  }

  /** @internal */
  async read(runId: string): Promise<RecordedRun> {
    const { access, codec } = this;
    return access.run(() => access.readConsistent(async (db) => readRun(db, await requireRunRow(db, runId), codec)));
  }

  /** @internal */
  async cyclesAfter(runId: string, cycle: number): Promise<readonly StateVisit[]> {
    const { access, leases } = this;
    return access.run(async () => {
      await leases.driven.get(runId)?.written();
      return access.read(({ db }) => cyclesAfter(db, runId, cycle));
    });
  }

  /** @internal */
  send(event: SentEvent, behind?: Promise<unknown>): Promise<void> {
    const { access, leases, eventPoller } = this;
    return access.run(async () => {
      if (behind !== undefined) await behind;
      const driver = await sendEvent(access, event, this.codec);
      // What is sent to the run here afterwards comes after it. It is recorded, whatever becomes of the look.
      if (driver === leases.owner) await eventPoller.poll().catch(() => {});
    });
  }

  /** @internal */
  async recoverable(workflow: string, kind: WorkflowKind): Promise<RecoverableRuns> {
    return this.query((database) => recoverableRuns(database, this.leases, workflow, kind));
  }

  /** @internal */
  waitUntil(work: Promise<unknown>): void {
    this.pendingEnds.add(work);
  }

  private query<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return this.access.run(() => this.access.read(work));
  }

  /** Reads for people, who see the ends of all runs that have settled. */
  private inspect<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return this.access.run(async () => {
      await this.pendingEnds.settled();
      return this.access.read(work);
    });
  }

  private transaction<T>(work: Parameters<typeof this.access.transaction<T>>[0]): Promise<T> {
    return this.access.run(() => this.access.transaction(work));
  }
}

function cacheFailed(cause: unknown): StoreError {
  return new StoreError(`The store's cache does not answer: ${messageOf(cause)}.`, "STORE", { cause });
}
