import type { Kysely } from "kysely";
import { StoreError } from "../base/errors.js";

/** The tables, as rows. Times are in ms since 1970. */
export interface Tables {
  dagwright_schema: { version: number };
  dagwright_cache: { key: string; value: string; stored_at: number; expires_at: number | null };
}

type Migration = (db: Kysely<Tables>) => Promise<void>;

/** Step n takes a database from version n to n + 1. Steps are never changed once released. */
const MIGRATIONS: readonly Migration[] = [
  async (db) => {
    await db.schema
      .createTable("dagwright_cache")
      .addColumn("key", "text", (column) => column.primaryKey())
      .addColumn("value", "text", (column) => column.notNull())
      .addColumn("stored_at", "double precision", (column) => column.notNull())
      .addColumn("expires_at", "double precision")
      .execute();
    await db.schema.createIndex("dagwright_cache_expires").on("dagwright_cache").column("expires_at").execute();
  },
];

/**
 * Brings the tables up to the version of this code, in one transaction, once whoever else is at it has finished.
 * @throws {StoreError} SCHEMA when they are newer than this code
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  await db.schema.createTable("dagwright_schema").ifNotExists().addColumn("version", "integer").execute();
  await db.transaction().execute(upgrade);
}

async function upgrade(db: Kysely<Tables>): Promise<void> {
  const row = await db.selectFrom("dagwright_schema").select("version").executeTakeFirst();
  const version = row?.version ?? 0;
  const latest = MIGRATIONS.length;
  if (version > latest) {
    const message = `The store has schema version ${version}, this dagwright knows ${latest}. Use a newer dagwright, or another store.`;
    throw new StoreError(message, "SCHEMA");
  }
  if (version === latest) return;
  for (const step of MIGRATIONS.slice(version)) await step(db);
  if (row === undefined) await db.insertInto("dagwright_schema").values({ version: latest }).execute();
  else await db.updateTable("dagwright_schema").set({ version: latest }).execute();
}
