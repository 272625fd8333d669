import type { Kysely } from "kysely";
import { parts } from "../database/parts.js";
import { tryParseWait } from "./json-columns.js";
import { checkRow, describeColumn } from "./row-checks.js";
import type { CycleRow, Tables } from "../database/schema.js";
import type { StateVisit } from "../store.js";
import { unreadable } from "../values/unreadable.js";

/** The columns of a cycle that show the progress of its run. */
export type LatestCycle = Pick<CycleRow, "cycle" | "state" | "status" | "wait">;

/** The latest cycles of fsm runs, by run id. */
export async function latestCycles(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, LatestCycle>> {
  const cycles = new Map<string, LatestCycle>();
  for (const part of parts(runIds)) {
    const found = await db
      .selectFrom("runs")
      .innerJoin("fsm_cycles", (join) =>
        join.onRef("fsm_cycles.run_id", "=", "runs.id").on("fsm_cycles.cycle", "=", (eb) =>
          eb
            .selectFrom("fsm_cycles as later")
            .select((later) => later.fn.max("later.cycle").as("latest"))
            .whereRef("later.run_id", "=", "runs.id"),
        ),
      )
      .select(["runs.id", "fsm_cycles.cycle", "fsm_cycles.state", "fsm_cycles.status", "fsm_cycles.wait"])
      .where("runs.id", "in", part)
      .execute();
    for (const { id, ...cycle } of found) cycles.set(id, cycle);
  }
  return cycles;
}

/** The cycles of a run after the given one, in order. */
export async function cyclesAfter(db: Kysely<Tables>, runId: string, cycle: number): Promise<StateVisit[]> {
  const query = db.selectFrom("fsm_cycles").select(["cycle", "state"]).where("run_id", "=", runId);
  const rows = await query.where("cycle", ">", cycle).orderBy("cycle").execute();
  return rows.map((row) => checkRow("fsm_cycles", runId, row));
}

/** Checks and returns a cycle. @throws {StoreError} STORE naming run and column */
export function checkCycle(runId: string, cycle: LatestCycle): LatestCycle {
  checkRow("fsm_cycles", runId, cycle);
  if (cycle.wait !== null && tryParseWait(cycle.wait) === undefined) {
    throw unreadable(runId, describeColumn("fsm_cycles", cycle as CycleRow, "wait"), "it must describe the wait");
  }
  return cycle;
}
