/** Long texts of runs, stored once each in the table `blobs`, however many rows refer to them. */
import { createHash } from "node:crypto";
import { type Kysely, sql } from "kysely";
import type { Database } from "../database/database.js";
import type { Tables } from "../database/schema.js";
import { timeOfDay } from "../database/time.js";

/** The start of a reference. No text of the codec starts like this. */
const REFERENCE = "blob:";

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The column value that refers to the blob with this hash. */
export function blobReference(hash: string): string {
  return REFERENCE + hash;
}

/** The hash in a reference; undefined for other texts. */
export function blobHash(text: string): string | undefined {
  return text.startsWith(REFERENCE) ? text.slice(REFERENCE.length) : undefined;
}

/** Writes blobs of a run. Called once per transaction, to lock them in order. */
export async function writeBlobs(
  trx: Kysely<Tables>,
  runId: string,
  blobs: ReadonlyMap<string, string>,
): Promise<void> {
  await putBlobs(trx, blobs);
  for (const hash of blobs.keys()) {
    await trx
      .insertInto("blob_uses")
      .values({ run_id: runId, hash })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

async function putBlobs(trx: Kysely<Tables>, blobs: ReadonlyMap<string, string>): Promise<void> {
  const used_at = timeOfDay();
  for (const [hash, data] of sortedByHash(blobs)) {
    // Updating `used_at` of an existing blob keeps it from being deleted meanwhile.
    await trx
      .insertInto("blobs")
      .values({ hash, data, used_at })
      .onConflict((conflict) => conflict.column("hash").doUpdateSet({ used_at }))
      .execute();
  }
}

/**
 * Adds the blobs that are missing, and keeps all from being deleted until the transaction ends. Those that exist are
 * shared: runs that are submitted at the same time do not take turns.
 */
export async function keepBlobs(
  trx: Kysely<Tables>,
  { hasRowLocks }: Pick<Database, "hasRowLocks">,
  blobs: ReadonlyMap<string, string>,
): Promise<void> {
  if (blobs.size === 0) return;
  const hashes = sql.join(Array.from(blobs.keys()));
  const lock = hasRowLocks ? sql`order by hash for key share` : sql``;
  const { rows } = await sql<{ hash: string }>`select hash from blobs where hash in (${hashes}) ${lock}`.execute(trx);
  const missing = new Map(blobs);
  for (const { hash } of rows) missing.delete(hash);
  await putBlobs(trx, missing);
}

/** The order in which blobs are locked, see `row-locks.ts`. */
export function sortedByHash(blobs: ReadonlyMap<string, string>): (readonly [hash: string, data: string])[] {
  return Array.from(blobs).sort(([a], [b]) => (a < b ? -1 : 1));
}
