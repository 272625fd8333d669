import type { Kysely } from "kysely";
import type { Tables } from "../database/schema.js";

/** What a store holds, without a look at any run. */
export interface Overview {
  /** By name. */
  readonly workflows: readonly WorkflowCounts[];
  /** Who drives runs, by name. */
  readonly drivers: readonly DriverCounts[];
}

/** The outermost runs of a workflow. */
export interface WorkflowCounts {
  readonly name: string;
  /** How many there are, by status. */
  readonly runs: Readonly<Record<string, number>>;
}

/** A process that drives runs, or did when it died. */
export interface DriverCounts {
  readonly name: string;
  /** How many runs it holds, those inside of others included. */
  readonly runs: number;
  /** When the first of its leases ends, in ms since 1970: over if the process is gone, or stuck. */
  readonly leaseExpiresAt: number | undefined;
}

/** Cost: one pass over an index of all runs, and one over those that have a driver. */
export async function readOverview(db: Kysely<Tables>): Promise<Overview> {
  const counts = await db
    .selectFrom("runs")
    .select(["workflow", "status", (eb) => eb.fn.countAll().as("n")])
    .where("is_child", "=", 0)
    .groupBy(["workflow", "status"])
    .orderBy("workflow")
    .execute();
  const workflows = new Map<string, Record<string, number>>();
  for (const { workflow, status, n } of counts) {
    const runs = workflows.get(workflow) ?? {};
    workflows.set(workflow, { ...runs, [status]: Number(n) });
  }
  const drivers = await db
    .selectFrom("runs")
    .select(["owner", (eb) => eb.fn.countAll().as("n"), (eb) => eb.fn.min("lease_expires_at").as("until")])
    .where("owner", "is not", null)
    .groupBy("owner")
    .orderBy("owner")
    .execute();
  return {
    workflows: Array.from(workflows, ([name, runs]) => ({ name, runs })),
    drivers: drivers.map(({ owner, n, until }) => ({
      name: owner as string,
      runs: Number(n),
      leaseExpiresAt: until === null ? undefined : Math.floor(Number(until)),
    })),
  };
}
