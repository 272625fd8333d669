import type { Database } from "./connection.js";
import type { Leases } from "./leases.js";
import { readyRuns } from "./mail.js";
import type { Unfinished, WorkflowKind } from "./store.js";

/** The runs of a workflow that have to go on, see `RunStore.abandoned`. */
export async function unfinishedRuns(
  { db, clock }: Pick<Database, "db" | "clock">,
  leases: Leases,
  workflow: string,
  kind: WorkflowKind,
): Promise<Unfinished> {
  const running = await db
    .selectFrom("runs")
    .select(["id", "created_at", "owner", "lease_expires_at", clock.as("clock")])
    .where("workflow", "=", workflow)
    .where("kind", "=", kind)
    .where("status", "=", "running")
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  const free = [...running.filter((row) => leases.isFree(row)), ...(await readyRuns(db, workflow, kind))];
  free.sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
  const held = running.filter((row) => row.owner !== leases.owner && !leases.isFree(row));
  return { free: free.map(({ id }) => id), held: held.map(({ id }) => id) };
}
