import { Kysely, type RawBuilder, type Transaction } from "kysely";
import { currentClockwork } from "../../base/clockwork.js";
import { DagwrightError, StoreError } from "../../base/errors.js";
import { deferred } from "../../base/deferred.js";
import { messageOf } from "../../base/message.js";
import { warn } from "../../base/warning.js";
import type { Database, DatabaseAdapter } from "./database.js";
import { InFlight } from "./in-flight.js";
import { type Failure, withRetries } from "./retry.js";
import { SharedClock } from "./shared-clock.js";
import type { Tables } from "./schema.js";
import { migrate } from "./migrations.js";
import { failed, statementFailed } from "./store-failure.js";

/**
 * Access to a database that is opened and migrated on first use. Before it closes, it completes the operations that
 * have begun, however many steps they have. Each step is retried as long as that may help.
 */
export class DatabaseAccess {
  readonly clock = new SharedClock();
  /** Resolves when the database is open: the first use that reaches it opens it. */
  readonly whenOpened: Promise<Database>;
  private opened: Promise<Database> | undefined;
  private readonly inFlight = new InFlight();
  private isClosing = false;
  private isClosed = false;
  private readonly onOpened: (database: Database) => void;

  constructor(private readonly connect: () => Promise<DatabaseAdapter>) {
    const { promise, resolve } = deferred<Database>();
    this.whenOpened = promise;
    this.onOpened = resolve;
  }

  /**
   * Begins an operation, unless the store is closing. All its steps are executed, even if the store starts closing
   * meanwhile.
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isClosing) return Promise.reject(storeClosed());
    const operation = work();
    this.inFlight.add(operation);
    return operation;
  }

  /** A step that reads. */
  read<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return this.retry(work, readFailed);
  }

  /**
   * A step that reads consistent data with several queries. If `work` finds the data inconsistent, another client may
   * have written between the queries: `work` is repeated on a snapshot.
   */
  readConsistent<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.read(async ({ db }) => {
      try {
        return await work(db);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        return inSnapshot(db, work);
      }
    });
  }

  /** A step that reads a snapshot with several queries. */
  readSnapshot<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.read(({ db }) => inSnapshot(db, work));
  }

  /** An idempotent step. @param failed - creates the error to throw when retries fail */
  async retry<T>(
    work: (database: Database) => Promise<T>,
    failed: (cause: unknown, failure: Failure) => StoreError,
  ): Promise<T> {
    const database = await this.open();
    try {
      return await withRetries(() => work(database), database.classify);
    } catch (cause) {
      const isOwn = cause instanceof DagwrightError || cause instanceof TypeError || cause instanceof RangeError;
      throw isOwn ? cause : failed(cause, database.classify(cause));
    }
  }

  /**
   * A step that writes in one transaction, and is retried after a transient failure.
   * @param work - receives its previous return value when the commit then failed or went unanswered; must be idempotent
   */
  async transaction<T>(work: (trx: Transaction<Tables>, database: Database, previous?: T) => Promise<T>): Promise<T> {
    const database = await this.open();
    const { db, classify } = database;
    let previous: T | undefined;
    const attempt = () => db.transaction().execute(async (trx) => (previous = await work(trx, database, previous)));
    try {
      return await withRetries(attempt, classify);
    } catch (cause) {
      throw cause instanceof DagwrightError ? cause : writeFailed(cause, classify(cause));
    }
  }

  /**
   * The database, for callers whose work is tracked elsewhere.
   * @throws {StoreError} when it is closed or can't be opened
   */
  open(): Promise<Database> {
    if (this.isClosed) return Promise.reject(storeClosed());
    if (this.opened === undefined) {
      const opening = this.openDatabase();
      this.opened = opening;
      // The next use tries again.
      opening.catch(() => {
        if (this.opened === opening) this.opened = undefined;
      });
    }
    return this.opened;
  }

  private async openDatabase(): Promise<Database> {
    const adapter = await this.connect();
    const db = new Kysely<Tables>({ dialect: adapter.dialect });
    try {
      // A migration is one transaction, so an interrupted one was either rolled back or committed.
      await withRetries(
        () => migrate(db, adapter.lockMigrations),
        (error) => adapter.classify(error),
      );
      const clock = () => timeFor(adapter);
      const measure = () => this.clock.measure(db, clock());
      if (adapter.isRemote) await withRetries(measure, (error) => adapter.classify(error));
      const opened = { ...adapter, db, writer: adapter.writer(db, clock) };
      const database = Object.defineProperty(opened, "clock", { get: clock });
      this.onOpened(database);
      return database;
    } catch (cause) {
      await db.destroy();
      if (cause instanceof StoreError) throw cause;
      const message = `The store can't be opened: ${messageOf(cause)}. Check its path or address, and that its server is up.`;
      throw statementFailed(new StoreError(message, "STORE", { cause }), adapter.classify(cause));
    }
  }

  /** Rejects all operations after this call. */
  stopAccepting(): void {
    this.isClosing = true;
  }

  /** @throws {StoreError} when the store is closing */
  requireOpen(): void {
    if (this.isClosing) throw storeClosed();
  }

  /** Resolves when no operation is in flight. */
  drained(): Promise<void> {
    return this.inFlight.settled();
  }

  /** Closes the database, if it was opened. @param cleanUp - runs first; must be idempotent */
  async close(cleanUp: (database: Database) => Promise<void>): Promise<void> {
    this.isClosing = this.isClosed = true;
    const { opened } = this;
    this.opened = undefined;
    const database = await opened?.catch(() => undefined);
    if (database === undefined) return;
    try {
      await withRetries(() => cleanUp(database), database.classify);
    } catch (error) {
      const message = `The store could not be cleaned up before it was closed: ${messageOf(error)}`;
      warn(message, "DagwrightStoreWarning");
    }
    await database.db.destroy();
  }
}

function inSnapshot<T>(db: Kysely<Tables>, work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
  return db.transaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute(work);
}

/** The clock of a database, or the time of the clockwork that replaces the system's. */
function timeFor({ clock, constant }: Pick<DatabaseAdapter, "clock" | "constant">): RawBuilder<number> {
  const time = currentClockwork()?.now();
  return time === undefined ? clock : constant(time);
}

export function storeClosed(): StoreError {
  return failed(new StoreError("The store is closed. Create a new one."), "closed");
}

function readFailed(cause: unknown, failure: Failure): StoreError {
  const message = `The store can't be read: ${messageOf(cause)}. Fix that and try again.`;
  return statementFailed(new StoreError(message, "STORE", { cause }), failure);
}

/** @param remedy - what to do after the cause is fixed */
export function writeFailed(cause: unknown, failure: Failure, remedy = "try again"): StoreError {
  const message = `The store can't be written: ${messageOf(cause)}. Fix that and ${remedy}.`;
  return statementFailed(new StoreError(message, "STORE", { cause }), failure);
}
