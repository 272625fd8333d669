import { type Kysely, sql } from "kysely";
import type { Database } from "../database/database.js";
import type { Tables } from "../database/schema.js";
import type { ClaimableWorkflow } from "./queue.js";

/** How many runs of a workflow may be claimed now. */
export interface Allowance {
  readonly runs: number;
  /** How many of them may be fresh. */
  readonly starts: number;
  /** If its rate allows no more: how long until it may allow the next one, in ms. */
  readonly nextIn: number | undefined;
}

/** The longest time to wait before asking again while runs are reserved, in ms: they may be given back. */
const MAX_HOLD = 500;

/** How long to wait before asking again when all runs that a rate allows are reserved, in ms. */
export function holdOf({ interval }: NonNullable<ClaimableWorkflow["rate"]>): number {
  return Math.min(interval, MAX_HOLD);
}

export const UNLIMITED: Allowance = { runs: Infinity, starts: Infinity, nextIn: undefined };

/**
 * Finds out how many runs of each workflow may be claimed, in the caller's transaction. Clients that claim runs of a
 * limited workflow take turns: each holds a lock until its transaction ends. Workflows without limits cost nothing.
 */
export async function allowancesOf(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  workflows: readonly ClaimableWorkflow[],
): Promise<ReadonlyMap<ClaimableWorkflow, Allowance>> {
  const limited = workflows.filter(({ maxRunning, rate }) => maxRunning !== undefined || rate !== undefined);
  // In one order, so that no two transactions wait for each other.
  limited.sort((a, b) => (a.name < b.name ? -1 : 1));
  const found = new Map(workflows.map((workflow) => [workflow, UNLIMITED]));
  for (const workflow of limited) {
    if (database.hasRowLocks) await sql`select pg_advisory_xact_lock(${LOCK}, hashtext(${workflow.name}))`.execute(trx);
    found.set(workflow, await allowanceOf(trx, database, workflow));
  }
  return found;
}

/**
 * The first key of the advisory locks. The second is the hash of the workflow; those with equal hashes take turns,
 * harmlessly.
 */
const LOCK = 0x6461_6778;

async function allowanceOf(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock">,
  { name, maxRunning, rate }: ClaimableWorkflow,
): Promise<Allowance> {
  const runs = maxRunning === undefined ? Infinity : Math.max(0, maxRunning - (await drivenRuns(trx, name)));
  if (rate === undefined) return { runs, starts: Infinity, nextIn: undefined };
  return { runs, ...(await startsLeft(trx, database, name, rate)) };
}

/** How many runs of a workflow are driven or reserved. */
async function drivenRuns(trx: Kysely<Tables>, workflow: string): Promise<number> {
  const isOurs = sql`workflow = ${workflow} and is_child = 0 and owner is not null`;
  const { rows } = await sql<{ n: number | string }>`
    select count(*) as n from runs where ${isOurs} and status = 'running'
    union all select count(*) from runs where ${isOurs} and status <> 'running'`.execute(trx);
  return rows.reduce((sum, { n }) => sum + Number(n), 0);
}

/**
 * How many runs of a workflow may begin now. Reserved runs count, since they may begin at any time. Deletes the starts
 * that have left the window.
 */
async function startsLeft(
  trx: Kysely<Tables>,
  { clock }: Pick<Database, "clock">,
  workflow: string,
  { limit, interval }: NonNullable<ClaimableWorkflow["rate"]>,
): Promise<Omit<Allowance, "runs">> {
  const isOurs = sql`workflow = ${workflow}`;
  await sql`delete from starts where ${isOurs} and started_at <= (select ${clock} - ${interval})`.execute(trx);
  // In one statement: a run that begins now is either reserved or among the starts.
  const { rows } = await sql<{ reserved: number | string; in_ms: number | null }>`
    select reserved, in_ms
    from (select count(*) as reserved from runs
      where ${isOurs} and is_child = 0 and owner is not null and status <> 'running' and is_fresh = 1) as yet_to_begin
    left join (select started_at + ${interval} - ${clock} as in_ms from starts
      where ${isOurs} order by started_at desc limit ${limit}) as begun on true
    order by in_ms desc`.execute(trx);
  const reserved = Number(rows[0].reserved);
  const begun = rows.flatMap(({ in_ms }) => (in_ms === null ? [] : Math.max(0, in_ms)));
  const starts = Math.max(0, limit - reserved - begun.length);
  if (starts > 0) return { starts, nextIn: undefined };
  // If all reserved runs begin now, they leave the window last.
  const nextIn = reserved < limit ? begun[limit - reserved - 1] : interval;
  return { starts, nextIn: reserved > 0 ? Math.min(nextIn, MAX_HOLD) : nextIn };
}
