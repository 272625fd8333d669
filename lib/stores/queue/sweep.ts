import { type Kysely, sql } from "kysely";
import { show } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";
import { endRun } from "../cancel-run.js";
import type { Database } from "../database/database.js";
import { parts } from "../database/parts.js";
import { runsInside } from "../delete-runs.js";
import { cachedIsGone } from "../database/owner.js";
import { inList } from "../database/row-locks.js";
import type { RunRow, Tables } from "../database/schema.js";
import { type Leases, type LeaseRow, withoutDriver } from "../leases.js";
import { findAndLockRunRow } from "../reading/run-rows.js";
import type { Codec } from "../values/codec.js";
import type { ServedWorkflow } from "./queue.js";
import { parseRequest } from "./request-column.js";
import { carryOut } from "./requests.js";

/** A run to look after, as it was when it was found. */
export type Stray = Pick<RunRow, "id" | "kind" | "owner" | "fencing_token">;

/**
 * The runs of workflows that nobody looks after: their drivers are gone, or they came to rest while there was a request
 * to their driver. Also when the first lease of a driver elsewhere ends. Cost: one row read for each run that is driven
 * or reserved, or has a request.
 */
export async function strayRuns(
  database: Pick<Database, "db" | "clock" | "hasRowLocks">,
  leases: Leases,
  workflows: readonly Pick<ServedWorkflow, "name" | "kind">[],
): Promise<{ readonly strays: readonly Stray[]; readonly nextLapse: number }> {
  const { clock } = database;
  const names = workflows.map(({ name }) => name);
  const isOurs = sql`workflow ${inList(names, database)} and is_child = 0`;
  const columns = sql`id, workflow, kind, fingerprint, owner, lease_expires_at, fencing_token, ${clock} as clock`;
  const { rows } = await sql<Stray & LeaseRow & Pick<RunRow, "workflow" | "fingerprint">>`
    select ${columns} from runs where ${isOurs} and status = 'running'
    union all select ${columns} from runs where ${isOurs} and owner is not null and status <> 'running'
    union all select ${columns} from runs where ${isOurs} and owner is null and status <> 'running' and request is not null
    `.execute(database.db);
  const isGone = cachedIsGone();
  const kinds = new Set(workflows.map(({ name, kind }) => `${kind} ${name}`));
  // The kind of a run is unknown until its structure is known.
  const isServed = (row: (typeof rows)[number]) => row.fingerprint === "" || kinds.has(`${row.kind} ${row.workflow}`);
  const served = rows.filter(isServed);
  const strays = served.filter((row) => leases.isDriverless(row, isGone));
  const held = served.filter((row) => row.owner !== leases.owner && !strays.includes(row));
  return { strays, nextLapse: Math.min(Infinity, ...held.map((row) => row.lease_expires_at ?? Infinity)) };
}

/**
 * Looks after a run in the caller's transaction, unless it has changed: carries out the request to its driver, makes it
 * ready for another driver, or fails it if too many drivers have died.
 * @returns whether it is ready
 */
export async function lookAfter(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  stray: Stray,
  maxRecoveries: number,
  codec: Codec,
): Promise<boolean> {
  const row = await findAndLockRunRow(trx, database, stray.id);
  if (row === undefined || row.fencing_token !== stray.fencing_token || row.owner !== stray.owner) return false;
  if (row.request !== null) {
    await carryOut(trx, row, parseRequest(row.id, row.request), codec);
    return false;
  }
  const recoveries = row.owner === null ? row.recoveries : await deathsInARow(trx, row);
  if (recoveries > maxRecoveries) {
    await endRun(trx, row, { status: "failed", error: poisoned(row, recoveries) }, codec);
    return false;
  }
  const freed = {
    ...withoutDriver(row),
    ready_at: database.clock,
    recoveries,
    status: row.status === "running" ? "queued" : row.status,
  };
  await trx.updateTable("runs").set(freed).where("id", "=", row.id).execute();
  return true;
}

/** How many drivers of a run have died since it last made progress, including the one that is gone now. */
async function deathsInARow(trx: Kysely<Tables>, row: RunRow): Promise<number> {
  // A run that was only reserved has not been driven since the last death.
  return row.status === "running" && (await hasProgressed(trx, row)) ? 1 : row.recoveries + 1;
}

/** Whether a node or a cycle has completed, in the run or inside, since its driver began. Cost: the size of its record. */
async function hasProgressed(trx: Kysely<Tables>, { id, updated_at }: RunRow): Promise<boolean> {
  for (let level: readonly string[] = [id]; level.length > 0; level = await runsInside(trx, level)) {
    for (const part of parts(level)) {
      const ids = sql.join(part);
      const { rows } = await sql`select 1 as found where
        exists (select 1 from node_executions
          where run_id in (${ids}) and status = 'completed' and finished_at >= ${updated_at})
        or exists (select 1 from fsm_cycles
          where run_id in (${ids}) and status = 'completed' and finished_at >= ${updated_at})`.execute(trx);
      if (rows.length > 0) return true;
    }
  }
  return false;
}

function poisoned({ id, workflow }: RunRow, recoveries: number): StoreError {
  const times = recoveries === 1 ? "once" : `${recoveries} times in a row`;
  const message = `Run ${show(id)} of ${show(workflow)} was given up: its driver died ${times}, without completing a node. Find out which of its nodes ends the process, then resume or delete the run.`;
  return new StoreError(message, "POISONED");
}
