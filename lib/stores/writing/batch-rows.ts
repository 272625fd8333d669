import type { FencedBatch } from "./batch-writer.js";
import { sortedByHash } from "./blobs.js";
import type { NewEvent } from "./event-rows.js";
import type { AttemptRow, CycleRow, MomentRow, Tables, TraversalRow, WaitRow } from "../database/schema.js";
import { timeOfDay } from "../database/time.js";

/** The rows of several batches, by table, except for `runs`. Blobs are sorted by hash. */
export interface BatchRows {
  readonly attempts: readonly AttemptRow[];
  readonly traversals: readonly TraversalRow[];
  readonly cycles: readonly CycleRow[];
  readonly waits: readonly WaitRow[];
  readonly moments: readonly MomentRow[];
  readonly sent: readonly NewEvent[];
  readonly blobs: readonly Tables["blobs"][];
  readonly blobUses: readonly Tables["blob_uses"][];
}

export function collectRows(writes: readonly FencedBatch[]): BatchRows {
  const attempts: AttemptRow[] = [];
  const traversals: TraversalRow[] = [];
  const cycles: CycleRow[] = [];
  const waits: WaitRow[] = [];
  const moments: MomentRow[] = [];
  const sent: NewEvent[] = [];
  const data = new Map<string, string>();
  const blobUses: Tables["blob_uses"][] = [];
  for (const { runId, batch } of writes) {
    for (const row of batch.earlier) attempts.push(row);
    for (const row of batch.attempts.values()) attempts.push(row);
    for (const rows of batch.traversals.values()) for (const row of rows) traversals.push(row);
    for (const row of batch.cycles.values()) cycles.push(row);
    for (const row of batch.waits.values()) waits.push(row);
    for (const row of batch.moments) moments.push(row);
    for (const row of batch.sent.values()) sent.push(row);
    for (const [hash, text] of batch.blobs) {
      data.set(hash, text);
      blobUses.push({ run_id: runId, hash });
    }
  }
  const used_at = timeOfDay();
  const blobs = sortedByHash(data).map(([hash, text]) => ({ hash, data: text, used_at }));
  return { attempts, traversals, cycles, waits, moments, sent, blobs, blobUses };
}
