import { deferred, type Deferred } from "../../base/deferred.js";
import { setImmediate } from "../../base/event-loop.js";
import type { DatabaseAccess } from "../database/database-access.js";
import { writeFailed } from "../database/database-access.js";
import type { Database } from "../database/database.js";
import { withRetries } from "../database/retry.js";
import { StoreError } from "../../base/errors.js";
import { type Insertion, insertRuns } from "./insert-runs.js";

/** The maximum number of runs that one statement inserts, and about how many characters. */
const MAX_RUNS = 100;
const MAX_LENGTH = 16 * 1024 * 1024;

interface Waiting {
  readonly insertion: Insertion;
  /** In characters. */
  readonly length: number;
  /** Resolves to whether the run was inserted: its id and its key were free. */
  readonly done: Deferred<boolean>;
}

/**
 * Inserts the runs that are submitted to a store: those of one turn of the event loop together, then those that came
 * meanwhile. If the database rejects the data of a run, only that run fails.
 */
export class Submissions {
  private waiting: Waiting[] = [];
  private isInserting = false;

  constructor(private readonly access: DatabaseAccess) {}

  /** @param length - in characters @returns whether the run was inserted: its id and its key were free */
  add(insertion: Insertion, length: number): Promise<boolean> {
    const done = deferred<boolean>();
    this.waiting.push({ insertion, length, done });
    if (!this.isInserting) void this.insertAll();
    return done.promise;
  }

  private async insertAll(): Promise<void> {
    this.isInserting = true;
    while (this.waiting.length > 0) {
      await new Promise((turn) => setImmediate(turn));
      await this.insert(this.next());
    }
    this.isInserting = false;
  }

  private next(): Waiting[] {
    let length = 0;
    const isOver = (each: Waiting) => (length += each.length) > MAX_LENGTH;
    const end = this.waiting.findIndex((each, i) => i > 0 && (i === MAX_RUNS || isOver(each)));
    return this.waiting.splice(0, end < 0 ? this.waiting.length : end);
  }

  private async insert(group: readonly Waiting[]): Promise<void> {
    let database: Database | undefined;
    try {
      database = await this.access.open();
      const insertions = group.map(({ insertion }) => insertion);
      const inserted = await withRetries(() => insertRuns(database as Database, insertions), database.classify);
      for (const { insertion, done } of group) done.resolve(inserted.has(insertion));
    } catch (cause) {
      if (group.length > 1 && database?.classify(cause) === "rejected") {
        for (const each of group) await this.insert([each]);
      } else {
        // Opening the database throws nothing else.
        const error = cause instanceof StoreError ? cause : writeFailed(cause, (database as Database).classify(cause));
        for (const { done } of group) done.reject(error);
      }
    }
  }
}
