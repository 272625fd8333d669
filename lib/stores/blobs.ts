import type { Kysely } from "kysely";
import type { Tables } from "./schema.js";
import { timeOfDay } from "./time.js";

/** Keeps long texts of a run, once each whoever uses them. To be called once in a transaction: it locks them in an order. */
export async function writeBlobs(
  trx: Kysely<Tables>,
  runId: string,
  blobs: ReadonlyMap<string, string>,
): Promise<void> {
  const used_at = timeOfDay();
  for (const [hash, data] of sortedByHash(blobs)) {
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

/** Texts in the order in which whoever writes several of them has to lock them. */
export function sortedByHash(blobs: ReadonlyMap<string, string>): (readonly [hash: string, data: string])[] {
  return Array.from(blobs).sort(([a], [b]) => (a < b ? -1 : 1));
}
