import type { Database } from "./database.js";
import type { Leases } from "./leases.js";
import { readyRuns } from "./send-event.js";
import { cachedIsGone } from "./owner.js";
import type { RunRow } from "./schema.js";
import type { RecoverableRuns, WorkflowKind } from "./store.js";

/** The runs of a workflow that have to go on, see `RunStore.abandoned`. */
export async function recoverableRuns(
  { db, clock }: Pick<Database, "db" | "clock">,
  leases: Leases,
  workflow: string,
  kind: WorkflowKind,
): Promise<RecoverableRuns> {
  const running = await db
    .selectFrom("runs")
    .select(["id", "created_at", "owner", "lease_expires_at", clock.as("clock")])
    .where("workflow", "=", workflow)
    .where("kind", "=", kind)
    .where("status", "=", "running")
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  const isLost = cachedIsGone();
  const free: Pick<RunRow, "id" | "created_at">[] = [];
  const held: string[] = [];
  for (const row of running) {
    if (leases.isFree(row, isLost)) free.push(row);
    else if (row.owner !== leases.owner) held.push(row.id);
  }
  free.push(...(await readyRuns(db, workflow, kind)));
  free.sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
  return { free: free.map(({ id }) => id), held };
}
