/**
 * The table of starts: when runs of workflows that have a rate began. A run counts once, in the write with which it
 * begins, and stays counted, whatever becomes of it.
 */
import { type Kysely, sql } from "kysely";
import type { Database } from "../database/database.js";
import type { Tables } from "../database/schema.js";

/** Counts a run that is about to begin, in the caller's transaction, unless it has begun before. */
export async function countStart(
  trx: Kysely<Tables>,
  { clock }: Pick<Database, "clock">,
  runId: string,
): Promise<void> {
  await sql`
    insert into starts (workflow, started_at)
    select workflow, ${clock} from runs where id = ${runId} and is_fresh = 1`.execute(trx);
}
