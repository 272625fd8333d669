import type { Database } from "./connection.js";
import type { Leases } from "./leases.js";
import { readyRuns } from "./mail.js";
import type { WorkflowKind } from "./store.js";

/** The ids of a workflow's runs that have to go on and are driven by nobody, oldest first, see `RunStore.abandoned`. */
export async function abandonedRuns(
  { db, clock }: Pick<Database, "db" | "clock">,
  leases: Leases,
  workflow: string,
  kind: WorkflowKind,
): Promise<string[]> {
  const unfinished = await db
    .selectFrom("runs")
    .select(["id", "created_at", "owner", "lease_expires_at", clock.as("clock")])
    .where("workflow", "=", workflow)
    .where("kind", "=", kind)
    .where("status", "=", "running")
    .execute();
  const free = [...unfinished.filter((row) => leases.isFree(row)), ...(await readyRuns(db, workflow, kind))];
  free.sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
  return free.map(({ id }) => id);
}
