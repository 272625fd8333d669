import type { Kysely } from "kysely";
import type { Tables } from "../database/schema.js";

/** The contents of a store, in numbers. */
export interface Overview {
  /** In order of their names. */
  readonly workflows: readonly WorkflowCounts[];
  /** The processes that drive runs, in order of their names. */
  readonly drivers: readonly DriverCounts[];
}

/** The outermost runs of a workflow. */
export interface WorkflowCounts {
  readonly name: string;
  /** The number of runs, by status. */
  readonly runs: Readonly<Record<string, number>>;
}

/** A process that drives runs, or did when it died. */
export interface DriverCounts {
  readonly name: string;
  /** The number of runs it holds, including runs inside. */
  readonly runs: number;
  /** When its first lease ends, in ms since 1970. In the past if the process is gone, or stuck. */
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
