import { type Kysely, sql } from "kysely";
import { parts } from "../database/parts.js";
import type { Database } from "../database/database.js";
import type { Tables } from "../database/schema.js";
import { MAX_ROWS } from "../writing/event-rows.js";
import type { ClaimableWorkflow } from "./queue.js";

/** How many runs of a workflow may be claimed now. */
export interface Allowance {
  readonly runs: number;
  /** How many of them may be fresh. */
  readonly starts: number;
  /** If its rate allows no more: in how many ms it allows the next one. */
  readonly nextIn: number | undefined;
}

export const UNLIMITED: Allowance = { runs: Infinity, starts: Infinity, nextIn: undefined };

/**
 * Finds out how many runs of each workflow may be claimed, in the caller's transaction. Whoever claims runs of a limited
 * workflow takes turns until the transaction ends. Workflows without limits cost nothing.
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

/** The first key of the advisory locks. The second is of the workflow: those of equal hash take turns, harmlessly. */
const LOCK = 0x6461_6778;

async function allowanceOf(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock">,
  { name, maxRunning, rate }: ClaimableWorkflow,
): Promise<Allowance> {
  const runs = maxRunning === undefined ? Infinity : Math.max(0, maxRunning - (await drivenRuns(trx, name)));
  if (rate === undefined) return { runs, starts: Infinity, nextIn: undefined };
  const { count, nextIn } = await startsIn(trx, database, name, rate);
  return { runs, starts: rate.limit - count, nextIn: count < rate.limit ? undefined : nextIn };
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
 * Forgets the starts of a workflow that are out of its window. How many are in it, and in how many ms one more is
 * allowed when they are too many.
 */
async function startsIn(
  trx: Kysely<Tables>,
  { clock }: Pick<Database, "clock">,
  workflow: string,
  { limit, interval }: NonNullable<ClaimableWorkflow["rate"]>,
): Promise<{ readonly count: number; readonly nextIn: number }> {
  const isOurs = sql`workflow = ${workflow}`;
  await sql`delete from starts where ${isOurs} and started_at <= (select ${clock} - ${interval})`.execute(trx);
  const { rows } = await sql<{ in_ms: number }>`
    select started_at + ${interval} - ${clock} as in_ms from starts where ${isOurs} order by started_at desc limit ${limit}
    `.execute(trx);
  return { count: rows.length, nextIn: Math.max(0, rows.at(-1)?.in_ms ?? 0) };
}

/** Counts the starts of runs of workflows that have a rate. */
export async function countStarts(
  trx: Kysely<Tables>,
  { clock }: Pick<Database, "clock">,
  workflows: readonly string[],
): Promise<void> {
  for (const part of parts(workflows, MAX_ROWS)) {
    const rows = part.map((workflow) => ({ workflow, started_at: clock }));
    await trx.insertInto("starts").values(rows).execute();
  }
}
