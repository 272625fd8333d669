import { Kysely, type Transaction } from "kysely";
import { DagwrightError, StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { DatabaseAdapter, Database } from "./database.js";
import { withRetries } from "./retry.js";
import { migrate, type Tables } from "./schema.js";
import { InFlight } from "./in-flight.js";

/**
 * The way to a database, which is opened, and its tables made, at the first use. What is asked of it is done to its end before
 * it is closed, however many steps that takes, and each step is tried again as long as that may help.
 */
export class DatabaseAccess {
  private opened: Promise<Database> | undefined;
  private readonly inFlight = new InFlight();
  private isClosing = false;
  private isClosed = false;

  constructor(private readonly connect: () => Promise<DatabaseAdapter>) {}

  /**
   * Does what the store is asked for, unless it is closed, or told to close: the steps that `work` takes are then done, be it
   * meanwhile.
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isClosing) return Promise.reject(storeClosed());
    const begun = work();
    this.inFlight.add(begun);
    return begun;
  }

  /** A step that reads, and tries again when the connection is lost meanwhile. */
  read<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return this.retry(work, readFailed);
  }

  /**
   * A step that reads, in several queries, what belongs together. Where it finds that it does not, others may have written between
   * these: it is done once more, and sees what there was at one moment.
   */
  readConsistent<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.read(async ({ db }) => {
      try {
        return await work(db);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        return db.transaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute(work);
      }
    });
  }

  /** A step that can be done again. @param failed - gives the error for what can't be */
  async retry<T>(work: (database: Database) => Promise<T>, failed: (cause: unknown) => StoreError): Promise<T> {
    const database = await this.open();
    try {
      return await withRetries(() => work(database), database.classify);
    } catch (cause) {
      const isOurs = cause instanceof DagwrightError || cause instanceof TypeError || cause instanceof RangeError;
      throw isOurs ? cause : failed(cause);
    }
  }

  /**
   * A step that changes something in one transaction, and tries again what failed for a reason that passes.
   * @param work - gets what it gave the last time, if the commit then failed or was not answered; what it does twice must do no harm
   */
  async transaction<T>(work: (trx: Transaction<Tables>, database: Database, before?: T) => Promise<T>): Promise<T> {
    const database = await this.open();
    const { db, classify } = database;
    let before: T | undefined;
    const attempt = () => db.transaction().execute(async (trx) => (before = await work(trx, database, before)));
    try {
      return await withRetries(attempt, classify);
    } catch (cause) {
      throw cause instanceof DagwrightError ? cause : writeFailed(cause);
    }
  }

  /** For what is waited for in other ways. @throws {StoreError} when it is closed, or can't be opened */
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
    const connection = await this.connect();
    const db = new Kysely<Tables>({ dialect: connection.dialect });
    try {
      // A migration is a transaction: what was lost was rolled back, or finds itself done.
      await withRetries(
        () => migrate(db, connection.lockMigrations),
        (error) => connection.classify(error),
      );
      return { ...connection, db, writer: connection.writer(db) };
    } catch (cause) {
      await db.destroy();
      if (cause instanceof StoreError) throw cause;
      const message = `The store can't be opened: ${messageOf(cause)}. Check its path or address, and that its server is up.`;
      throw new StoreError(message, "STORE", { cause });
    }
  }

  /** From now on what is asked for is refused. */
  stopAccepting(): void {
    this.isClosing = true;
  }

  /** @throws {StoreError} when what is asked for is refused */
  requireOpen(): void {
    if (this.isClosing) throw storeClosed();
  }

  /** Resolves when all that was asked for is done. */
  drained(): Promise<void> {
    return this.inFlight.settled();
  }

  /** Closes the database, if it was opened. @param last - what is done before, and can be repeated */
  async close(last: (database: Database) => Promise<void>): Promise<void> {
    this.isClosing = this.isClosed = true;
    const { opened } = this;
    this.opened = undefined;
    const database = await opened?.catch(() => undefined);
    if (database === undefined) return;
    try {
      await withRetries(() => last(database), database.classify);
    } catch (error) {
      const message = `The store could not be tidied up before it was closed: ${messageOf(error)}`;
      warn(message, "DagwrightStoreWarning");
    }
    await database.db.destroy();
  }
}

export function storeClosed(): StoreError {
  return new StoreError("The store is closed. Make a new one.");
}

function readFailed(cause: unknown): StoreError {
  return new StoreError(`The store can't be read: ${messageOf(cause)}. Try again when that is mended.`, "STORE", {
    cause,
  });
}

/** @param remedy - what can be done when the store can be written again */
export function writeFailed(cause: unknown, remedy = "Try again when"): StoreError {
  return new StoreError(`The store can't be written: ${messageOf(cause)}. ${remedy} that is mended.`, "STORE", {
    cause,
  });
}
