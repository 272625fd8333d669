import { randomInt } from "node:crypto";
import { hostname } from "node:os";
import type { InspectOptions, inspect } from "node:util";
import { checkName } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import { inOneLine } from "../base/inspection.js";
import { messageOf } from "../base/message.js";
import type { CacheStore } from "../definition/specs/policy-options.js";
import { cancelRun } from "./cancel-run.js";
import { Claims } from "./claims.js";
import { Codec, type StoredType } from "./values/codec.js";
import { compareRuns, type RunDifference } from "./reading/compare-runs.js";
import { DatabaseAccess, storeClosed, writeFailed } from "./database/database-access.js";
import type { Database, DatabaseAdapter } from "./database/database.js";
import { deleteRun } from "./delete-runs.js";
import { DriverPoller } from "./driver-poller.js";
import { EventDelivery } from "./event-delivery.js";
import { GroupCommit } from "./writing/group-commit.js";
import { InFlight } from "./database/in-flight.js";
import { cyclesAfter } from "./reading/latest-cycles.js";
import { Leases } from "./leases.js";
import { requireOutermost } from "./queue/outermost.js";
import { Outlook } from "./queue/schedules/outlook.js";
import type { RunQueue } from "./queue/queue.js";
import type { Schedules } from "./queue/schedules/schedules.js";
import { SqlSchedules } from "./queue/schedules/sql-schedules.js";
import { SqlQueue } from "./queue/sql-queue.js";
import { FIRST_TOKENS, newRunRow } from "./writing/new-run.js";
import { OUTCOME_TYPES } from "./values/outcome-types.js";
import { prune, type PruneOptions } from "./prune.js";
import { readOverview, type Overview } from "./reading/overview.js";
import { RecordedRedactions } from "./recorded-redactions.js";
import { recoverableRuns } from "./reading/recoverable-runs.js";
import { Redaction } from "./values/redaction.js";
import { checkGetRunOptions, type GetRunOptions, type RunDetails } from "./reading/run-details.js";
import { readRunDetails } from "./reading/read-run-details.js";
import { marksOf, runHistory, type RunHistory } from "./reading/run-history.js";
import { listRuns, type RunFilter, type RunPage } from "./reading/run-list.js";
import { type LogHost, runExists, SqlRunLog } from "./writing/run-log.js";
import { findAndLockRunRow, lockRunRow, notFound } from "./reading/run-rows.js";
import { sendEvent } from "./send-event.js";
import { SqlCache } from "./sql-cache.js";
import { requireKey, requireStorableNames } from "./values/storable-text.js";
import type {
  Claim,
  NewRun,
  RecordedRun,
  RecoverableRuns,
  RunLog,
  RunStore,
  SentEvent,
  StateVisit,
  ValueStore,
  WorkflowKind,
} from "./store.js";
import { SqlValues } from "./sql-values.js";
import { workflowStats, type WorkflowStats } from "./reading/workflow-stats.js";

/** The options of `sqliteStore` and `postgresStore`. */
export interface StoreOptions {
  /** Classes whose instances can be stored, or `{ is, encode, decode }`, by the name under which they are stored. */
  types?: Readonly<Record<string, StoredType>> | undefined;
  /**
   * How long a run belongs to its driver after the last renewal of the lease, in ms. The driver renews it three times
   * in that period. Should be longer than any node blocks the event loop. @defaultValue 10 000
   */
  lease?: number | undefined;
  /**
   * How to handle a node's result that can't be stored. `fail` fails the run. `skip` continues with the result in
   * memory, and resuming the run computes it again; metadata entries and the data of pauses that can't be stored are
   * left out of the record, too. Inputs, events and the values of states must always be storable. @defaultValue "fail"
   */
  onUnstorable?: "fail" | "skip" | undefined;
}

const DEFAULT_LEASE = 10_000;

/**
 * A SQL database of runs and cached results. It is opened, and its tables are created, on first use.
 *
 * A run belongs to its driver, the process that runs it, as long as the driver renews its lease. Writes by others are
 * rejected.
 */
export class SqlStore implements RunStore {
  /** Cached results that survive a restart, for `cache: { store: store.cache }`. */
  readonly cache: CacheStore;
  // Ports are their types: the classes would add all of kysely's types to the package's own.
  /** @internal */
  readonly queue: RunQueue;
  /** @internal */
  readonly values: ValueStore;
  /** @internal */
  readonly schedules: Schedules;
  private readonly runs: SqlQueue;
  private readonly access: DatabaseAccess;
  private readonly codec: Codec;
  private readonly leases: Leases;
  private readonly commits: GroupCommit;
  /** The recording of the ends of settled runs. */
  private readonly pendingEnds = new InFlight();
  private readonly logHost: LogHost;
  private readonly events: EventDelivery;
  private readonly poller: DriverPoller;
  private readonly claims: Claims;
  private readonly redaction = new Redaction();
  private readonly redactions: RecordedRedactions;
  private closing: Promise<void> | undefined;

  /**
   * @internal
   * @param connect - resolves to a `DatabaseAdapter`, whose type would add all of kysely's types to the package's own
   * @param database - its location, without secrets
   */
  constructor(
    connect: () => Promise<object>,
    { types, lease = DEFAULT_LEASE, onUnstorable = "fail" }: StoreOptions,
    private readonly database: string,
  ) {
    const access = (this.access = new DatabaseAccess(connect as () => Promise<DatabaseAdapter>));
    this.redactions = new RecordedRedactions(access, this.redaction);
    const open = () => access.open();
    this.codec = new Codec({ ...types, ...OUTCOME_TYPES });
    this.values = new SqlValues(access, this.codec);
    this.leases = new Leases(lease, open, (isDriving) => this.poller.setDriving(isDriving));
    this.commits = new GroupCommit(open);
    this.cache = new SqlCache((work) => access.run(() => access.retry(work, cacheFailed)), this.codec);
    this.logHost = {
      codec: this.codec,
      worker: `${hostname()}/${process.pid}`,
      skipsUnstorable: onUnstorable === "skip",
      commit: (log) => this.commits.add(log),
      commitLater: (log) => this.commits.addLater(log),
      giveBack: (log) => this.giveBack(log),
      released: (log) => {
        this.leases.release(log);
        this.poller.remove(log);
      },
      ended: ({ runId, rootId }, status) => {
        if (runId === rootId) this.runs.ended(runId, status);
      },
      listen: (log) => this.poller.add(log),
      unlisten: (log) => this.poller.remove(log),
      pollEvents: () => this.events.deliver(),
    };
    this.events = new EventDelivery(this.leases.owner, this.leases.driven, this.codec, access);
    this.poller = new DriverPoller(this.leases, access, this.events, (...asked) => this.runs.ask(...asked));
    const queueHost = {
      access,
      leases: this.leases,
      logHost: this.logHost,
      outlook: new Outlook(),
      poller: this.poller,
    };
    this.queue = this.runs = new SqlQueue(queueHost);
    this.schedules = new SqlSchedules({
      ...queueHost,
      redaction: this.redaction,
      wake: (what, runIds) => this.runs.wake(what, runIds),
    });
    this.claims = new Claims(access, this.leases, this.logHost);
  }

  // --- looking up and managing runs ---

  /** Lists recorded runs in pages, newest first. */
  async listRuns(filter: RunFilter = {}): Promise<RunPage> {
    return this.inspect(({ db }) => listRuns(db, filter, this.codec, this.redaction));
  }

  /** The complete record of a run, and of those inside to a depth; undefined when there is none with this id. */
  async getRun(runId: string, options: GetRunOptions = {}): Promise<RunDetails | undefined> {
    checkName("runId", runId);
    checkGetRunOptions(options);
    return this.access.run(async () => {
      await this.pendingEnds.settled();
      await this.access.read((database) => this.redactions.load(database));
      return this.access.readConsistent((db) => readRunDetails(db, runId, this.codec, this.redaction, options.depth));
    });
  }

  /** Compares two runs. @throws {StoreError} NOT_FOUND */
  async diffRuns(a: string, b: string): Promise<RunDifference> {
    const [one, other] = await Promise.all([this.requireRun(a), this.requireRun(b)]);
    return compareRuns(one, other);
  }

  /** Counts the runs of a workflow by status, and measures its nodes. */
  async stats(workflow: string): Promise<WorkflowStats> {
    checkName("workflow", workflow);
    return this.inspect(({ db }) => workflowStats(db, workflow));
  }

  /**
   * The workflows that have runs, and the processes that drive some.
   * @internal
   */
  async overview(): Promise<Overview> {
    return this.inspect(({ db }) => readOverview(db));
  }

  /**
   * Cancels a run that has no driver: it is paused, or its process has died.
   * @param reason - becomes part of the run's error
   * @throws {StoreError} NOT_FOUND, RUN_ENDED when the run is over, LEASE_HELD while it has a driver; {ValidationError}
   *   for a run inside another one
   */
  async cancel(runId: string, reason?: unknown): Promise<void> {
    checkName("runId", runId);
    await this.transaction<number>(async (trx, database, token) => {
      const row = await lockRunRow(trx, database, runId);
      // The token alone is ambiguous: if that attempt was rolled back, a driver that has taken the run over since has
      // the same one.
      if (row.fencing_token === token && row.status === "cancelled") return token;
      requireOutermost(row, "Cancel");
      this.leases.requireFree(row, "Cancel it there, through its handle, or with a client.");
      return cancelRun(trx, row, reason, this.codec);
    });
  }

  /**
   * Deletes a run that has no driver, whatever its status, with its complete record.
   * @throws {StoreError} NOT_FOUND, LEASE_HELD while the run has a driver; {ValidationError} for a run inside another one
   */
  async delete(runId: string): Promise<void> {
    checkName("runId", runId);
    await this.transaction<number>(async (trx, database, deleted) => {
      // An unreadable run can be deleted, too.
      const row = await findAndLockRunRow(trx, database, runId);
      // A run with this id and another time of creation is a new one.
      if (deleted !== undefined && row?.created_at !== deleted) return deleted;
      if (row === undefined) throw notFound(runId);
      requireOutermost(row, "Delete");
      this.leases.requireFree(row, "Cancel it first, with a client or through its handle, or wait until it ends.");
      await deleteRun(trx, database, row);
      return row.created_at;
    });
  }

  /**
   * Deletes runs that are over, with their complete records: those that either option selects. Running runs are always
   * kept, and paused ones unless `paused` is set.
   * @returns how many were deleted
   */
  async prune(options: PruneOptions): Promise<number> {
    return this.access.run(() => prune(options, this.access));
  }

  /**
   * Hides a value in the results of later lookups, here and in every other process: the rule is recorded once the store
   * is used, and stays. The stored record of the run, which resuming needs, is not changed.
   * @param path - a node or state, `inputs` or `metadata`, and a path within its value: `login.token`, `rows[0].email`,
   *   `users.*.email`
   */
  redact(path: string): this {
    checkName("path", path);
    this.redactions.add(path);
    return this;
  }

  /**
   * Hides a value in the results of later lookups of this store alone. @param path - as in {@link SqlStore.redact}
   * @internal
   */
  hide(path: string): void {
    this.redaction.add(path);
  }

  private async requireRun(runId: string): Promise<RunDetails> {
    const run = await this.getRun(runId);
    if (run === undefined) throw notFound(runId);
    return run;
  }

  // --- closing ---

  /**
   * Rejects further operations, completes those in flight, writes pending entries, releases the runs driven here, so
   * that other processes can continue them at once, and closes the database. Idempotent.
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
    this.poller.stop();
    this.runs.stop();
    // A run that can't be recorded must not continue.
    for (const log of Array.from(leases.driven.values())) log.fail(storeClosed());
    await access.close(async (database) => {
      await leases.releaseAll(database);
      await database.beforeClose?.(database.db);
    });
  }

  /** For `JSON.stringify`: its location, and the number of runs driven through it. */
  toJSON(): object {
    return { database: this.database, isClosed: this.closing !== undefined, driven: this.leases.driven.size };
  }

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](_: number, options: InspectOptions, inspectFacts: typeof inspect): string {
    return inOneLine("SqlStore", this.toJSON(), options, inspectFacts);
  }

  /** `SqlStore runs.db`, for logs. */
  toString(): string {
    return `SqlStore ${this.database}`;
  }

  /** Closes the store at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- for engines ---

  /** @internal */
  copyOf<T>(value: T): T {
    return this.codec.copyOf(value);
  }

  /** @internal */
  async create(run: NewRun): Promise<RunLog> {
    this.access.requireOpen();
    requireKey("The run id", run.runId);
    requireKey("The workflow's name", run.workflow);
    requireStorableNames(run.structure);
    const { leases, logHost } = this;
    if (leases.driven.has(run.runId)) throw runExists(run.runId);
    const token = randomInt(...FIRST_TOKENS);
    const log = new SqlRunLog(run.runId, token, run.driver, logHost, run.parent?.rootId ?? run.runId);
    leases.add(log);
    return log.create((batch) => newRunRow(run, token, batch, leases, logHost));
  }

  /** @internal */
  claim(runId: string, accept: (run: RecordedRun) => Claim | undefined, held?: number): Promise<RunLog | undefined> {
    return this.claims.claim(runId, accept, held);
  }

  /** @internal */
  async read(runId: string): Promise<RecordedRun> {
    return this.claims.read(runId);
  }

  /**
   * What has happened in a run and in those inside, including what this store has yet to write; undefined if there is
   * no run with this id.
   * @internal
   */
  async history(runId: string): Promise<RunHistory | undefined> {
    const { access, codec, redaction, leases } = this;
    return access.run(async () => {
      const logs = Array.from(leases.driven.values()).filter((log) => log.rootId === runId || log.runId === runId);
      // A log that can't be written notifies its driver.
      await Promise.allSettled(logs.map((log) => log.written()));
      await this.pendingEnds.settled();
      await access.read((database) => this.redactions.load(database));
      return access.readSnapshot((db) => runHistory(db, runId, codec, redaction));
    });
  }

  /**
   * A mark of each run that changes whenever its history does. A run that does not exist has none.
   * @internal
   */
  async marksOf(runIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { access } = this;
    return access.run(() => access.read(({ db }) => marksOf(db, runIds)));
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
  timeOfDay(): number {
    return this.access.clock.now();
  }

  /** @internal */
  send(event: SentEvent, after?: Promise<unknown>): Promise<void> {
    const { access, leases, events } = this;
    return access.run(async () => {
      if (after !== undefined) await after;
      const { owner, ready } = await sendEvent(access, event, this.codec);
      if (ready.length > 0) this.runs.wake("ready", ready);
      // Delivered before anything that is sent to the run later in this process. The event is recorded,
      // even if delivering fails.
      if (owner === leases.owner) await events.deliver().catch(() => {});
    });
  }

  /** @internal */
  async recoverable(workflow: string, kind: WorkflowKind): Promise<RecoverableRuns> {
    const { access, leases } = this;
    return access.run(() =>
      access.read((database) => recoverableRuns(database, leases, workflow, kind, access.clock.now())),
    );
  }

  /** @internal */
  waitUntil(work: Promise<unknown>): void {
    this.pendingEnds.add(work);
  }

  /** A run inside is not queued itself: it continues with the one that contains it. */
  private giveBack(log: SqlRunLog): Promise<void> {
    if (log.runId === log.rootId) return this.queue.release([log]);
    return this.access.retry((database) => this.leases.giveBack(log, database), writeFailed);
  }

  /** Reads once the ends of all settled runs are recorded. */
  private inspect<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return this.access.run(async () => {
      await this.pendingEnds.settled();
      return this.access.read(async (database) => {
        await this.redactions.load(database);
        return work(database);
      });
    });
  }

  private transaction<T>(work: Parameters<typeof this.access.transaction<T>>[0]): Promise<T> {
    return this.access.run(() => this.access.transaction(work));
  }
}

function cacheFailed(cause: unknown): StoreError {
  return new StoreError(`The store's cache can't be accessed: ${messageOf(cause)}.`, "STORE", { cause });
}
