import { show } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import type { DatabaseAccess } from "./database/database-access.js";
import type { Database } from "./database/database.js";
import type { Redaction } from "./values/redaction.js";

/** The redaction rules recorded in a database, so that all its readers hide the same values. */
export class RecordedRedactions {
  private readonly unsaved = new Set<string>();
  private isOpened = false;

  constructor(
    private readonly access: DatabaseAccess,
    private readonly rules: Redaction,
  ) {
    void access.whenOpened.then(() => {
      this.isOpened = true;
      this.saveLater();
    });
  }

  /** Adds a rule, and records it once the database is open. @throws {RangeError} for an invalid path */
  add(path: string): void {
    this.rules.add(path);
    this.unsaved.add(path);
    if (this.isOpened) this.saveLater();
  }

  /** Loads the rules of the database. Called before each lookup, since another process may have added one. */
  async load(database: Database): Promise<void> {
    await this.save(database);
    const rows = await database.db.selectFrom("redactions").select("path").execute();
    for (const { path } of rows) this.take(path);
  }

  private take(path: string): void {
    try {
      this.rules.add(path);
    } catch (cause) {
      throw new StoreError(`The store has a redaction that is no path: ${show(path)}. Delete its row.`, "STORE", {
        cause,
      });
    }
  }

  /** A rule that can't be recorded now is recorded before the next lookup, which fails if that fails again. */
  private saveLater(): void {
    if (this.unsaved.size === 0) return;
    this.access.run(() => this.access.read((database) => this.save(database))).catch(() => {});
  }

  private async save({ db }: Database): Promise<void> {
    const paths = Array.from(this.unsaved);
    if (paths.length === 0) return;
    const rows = paths.map((path) => ({ path }));
    await db
      .insertInto("redactions")
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    for (const path of paths) this.unsaved.delete(path);
  }
}
