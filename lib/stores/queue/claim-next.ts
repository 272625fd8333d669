import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Database } from "../database/database.js";
import { type DatabaseAccess, writeFailed } from "../database/database-access.js";
import { inList } from "../database/row-locks.js";
import type { RunRow, Tables } from "../database/schema.js";
import type { Leases, ReservedRun } from "../leases.js";
import { runsWithRecords } from "../reading/recorded-run.js";
import { type Allowance, allowancesOf, holdOf } from "./allowances.js";
import { promoteOf } from "./promote.js";
import type { ClaimableWorkflow, Claimed, ClaimedRun, ClaimRequest } from "./queue.js";

/** A workflow, and which structures its runs may have, see {@link Fits}. */
export interface Claimable {
  readonly workflow: ClaimableWorkflow;
  readonly fits: Fits;
}

/** The structures of a workflow that a service drives. */
export interface Fits {
  readonly byFingerprint: ReadonlyMap<string, string>;
  /** By the `fit` of runs, which is "" if their submitter did not know the workflow. */
  readonly byFit: ReadonlyMap<string, string | undefined>;
}

type Allowed = Claimable & { readonly allowance: Allowance };

/** The runs that were reserved, see {@link Claimed}. */
export interface Reservations extends Omit<Claimed, "runs"> {
  readonly runs: readonly Reserved[];
}

/** Rows that were reserved. */
interface ReservedRows extends Omit<Claimed, "runs"> {
  readonly rows: readonly RunRow[];
}

/** A run that was reserved, for services and for its store. */
interface Reserved {
  readonly run: ClaimedRun;
  readonly reservation: ReservedRun;
}

/**
 * Where several clients claim at once: how many more ready runs to look at than to claim, since those that others are
 * claiming are skipped.
 */
const MARGIN = 200;

/** By how much the shared clock may be ahead of the database's, in ms, see `shared-clock.ts`. */
const CLOCK_ERROR = 10;

/**
 * Reserves runs that are ready, in order: in one statement, if no workflow is limited. Must not be called again before it
 * is done. Cost: one index scan for each structure that the runs may have, up to the limit, however many runs are ready.
 */
export function reserveRuns(
  access: DatabaseAccess,
  leases: Leases,
  { workflows, limit, runIds }: ClaimRequest,
  fitsOf: (workflow: ClaimableWorkflow) => Fits,
): Promise<Reservations> {
  const claimable = workflows.map((workflow) => ({ workflow, fits: fitsOf(workflow) }));
  const since = access.clock.now() - CLOCK_ERROR;
  let isRetry = false;
  const work = async (db: Kysely<Tables>, database: Database): Promise<Reservations> => {
    const lost = isRetry ? await lostReservations(db, leases, since) : [];
    isRetry = true;
    if (runIds !== undefined) await promoteOf(db, database, runIds);
    const { rows, ...more } =
      lost.length > 0
        ? { rows: lost, nextIn: undefined, isLimited: false }
        : await reserveAllowed(db, database, leases, claimable, limit, runIds);
    const known = await runsWithRecords(
      db,
      rows.flatMap(({ id, is_fresh }) => (is_fresh === 1 ? id : [])),
    );
    return { ...more, runs: rows.map((row) => reserved(row, claimable, known)) };
  };
  const isLimited = workflows.some(({ maxRunning, rate }) => maxRunning !== undefined || rate !== undefined);
  return access.run(() =>
    access
      .open()
      .then(({ hasRowLocks }) =>
        isLimited || runIds !== undefined || !hasRowLocks
          ? access.transaction(work)
          : access.retry((database) => work(database.db, database), writeFailed),
      ),
  );
}

/**
 * The runs that an earlier attempt reserved whose answer was lost.
 * @param since - when that was, by the shared clock
 */
async function lostReservations(db: Kysely<Tables>, leases: Leases, since: number): Promise<RunRow[]> {
  const query = db.selectFrom("runs").selectAll().where("owner", "=", leases.owner).where("status", "<>", "running");
  const rows = await query.where("lease_expires_at", ">=", since + leases.length).execute();
  return rows.filter(({ id }) => !leases.driven.has(id) && !leases.reserved.has(id));
}

/** Reserves as many runs as the limits of their workflows allow. */
async function reserveAllowed(
  db: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  leases: Pick<Leases, "owner" | "length">,
  claimable: readonly Claimable[],
  limit: number,
  runIds: readonly string[] | undefined,
): Promise<ReservedRows> {
  const allowances = await allowancesOf(
    db,
    database,
    claimable.map(({ workflow }) => workflow),
  );
  const all = claimable.map((each) => ({ ...each, allowance: allowances.get(each.workflow) as Allowance }));
  const allowed = all.filter(({ allowance }) => allowance.runs > 0);
  const mayReserve = allowed.length > 0 && limit > 0;
  const rows = mayReserve ? await reserve(db, database, leases, allowed, limit, runIds) : [];
  const left = all.map((each) => leftOf(each, rows));
  const nextIn = Math.min(...left.map(({ nextIn = Infinity }) => nextIn));
  return {
    rows,
    nextIn: nextIn === Infinity ? undefined : nextIn,
    isLimited: left.some(({ runs, starts }) => runs <= 0 || starts <= 0),
  };
}

/** The rest of an allowance after some runs have been reserved. */
function leftOf({ workflow: { name, rate }, allowance }: Allowed, reserved: readonly RunRow[]): Allowance {
  const rows = reserved.filter(({ workflow }) => workflow === name);
  const runs = allowance.runs - rows.length;
  const starts = allowance.starts - rows.filter(({ is_fresh }) => is_fresh === 1).length;
  const isUsedUp = rate !== undefined && starts === 0 && allowance.starts > 0;
  return { runs, starts, nextIn: isUsedUp ? holdOf(rate) : allowance.nextIn };
}

/** Reserves the first of the runs that are ready, in order. */
async function reserve(
  db: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  { owner, length }: Pick<Leases, "owner" | "length">,
  allowed: readonly Allowed[],
  limit: number,
  runIds: readonly string[] | undefined,
): Promise<RunRow[]> {
  const reserving = sql`update runs set owner = ${owner}, lease_expires_at = ${database.clock} + ${length},
    fencing_token = fencing_token + 1, ready_at = null`;
  // Found by their ids first, whatever the planner thinks of the other indexes.
  const chosen = runIds && sql`with chosen as materialized (select * from runs where id ${inList(runIds, database)})`;
  const among = runIds === undefined ? sql`runs` : sql`chosen`;
  if (database.hasRowLocks) {
    return reserveUnlocked(db, reserving, { chosen, best: bestOf(allowed, limit + MARGIN, among) }, limit);
  }
  const best = sql<{ id: string }>`${chosen ?? sql``} ${bestOf(allowed, limit, among)}`;
  const ids = (await best.execute(db)).rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const { rows } = await sql<RunRow>`${reserving} where id ${inList(ids, database)} returning *`.execute(db);
  const positions = new Map(ids.map((id, i) => [id, i]));
  const positionOf = ({ id }: RunRow) => positions.get(id) as number;
  return rows.sort((a, b) => positionOf(a) - positionOf(b));
}

/** Reserves the first of the best runs that nobody else has locked. */
async function reserveUnlocked(
  db: Kysely<Tables>,
  reserving: RawBuilder<unknown>,
  { chosen, best }: { readonly chosen: RawBuilder<unknown> | undefined; readonly best: RawBuilder<unknown> },
  limit: number,
): Promise<RunRow[]> {
  // With a list, the server looks the runs up by their ids. A reservation may be lost when the server crashes: then the
  // first entries of its run are refused, and the run is ready. So its commit does not wait for the disk.
  const { rows } = await sql<RunRow & { readonly position: number }>`
    ${chosen === undefined ? sql`with` : sql`${chosen},`} best as materialized (${best}),
      free as materialized (
        select runs.id from runs join best on best.id = runs.id where runs.ready_at is not null
        order by best.priority desc, best.ready_at, best.created_at limit ${limit} for update of runs skip locked),
      list as materialized (
        select array(select id from free) as ids, set_config('synchronous_commit', 'off', true) as commits)
    ${reserving} where id = any((select ids from list)::text[])
    returning *, array_position((select ids from list), id) as position`.execute(db);
  return rows.sort((a, b) => a.position - b.position);
}

const KINDS: readonly RunRow["kind"][] = ["dag", "fsm", ""];

const ORDER = sql`order by priority desc, ready_at, created_at`;

/** The first of all runs that are ready. @param among - the table that has them */
export function bestOf(
  allowed: readonly Allowed[],
  limit: number,
  among: RawBuilder<unknown> = sql`runs`,
): RawBuilder<unknown> {
  const ofEach = allowed.map(({ workflow: { name, kind }, fits, allowance }) => {
    const most = Math.min(limit, allowance.runs);
    const firstOf = (isFresh: 0 | 1, count: number) => {
      const queries = Array.from(new Set([...fits.byFit.keys(), ...fits.byFingerprint.keys()])).flatMap((fit) =>
        // The fit of a run whose submitter did not know the workflow says nothing about its kind.
        (fit === "" ? KINDS : [kind]).map((each) => first([readyRuns(among, name, each, fit, isFresh)], count)),
      );
      return first(queries, count);
    };
    return first([firstOf(1, Math.min(most, allowance.starts)), firstOf(0, most)], most);
  });
  return first(ofEach, limit);
}

function first(queries: readonly RawBuilder<unknown>[], limit: number): RawBuilder<unknown> {
  const all = sql.join(
    queries.map((query) => sql`select * from (${query}) as part`),
    sql` union all `,
  );
  return sql`select id, priority, ready_at, created_at from (${all}) as parts ${ORDER} limit ${limit}`;
}

function readyRuns(
  among: RawBuilder<unknown>,
  workflow: string,
  kind: string,
  fit: string,
  isFresh: 0 | 1,
): RawBuilder<unknown> {
  return sql`select id, priority, ready_at, created_at from ${among}
    where workflow = ${workflow} and kind = ${kind} and fit = ${fit} and is_fresh = ${isFresh}
      and ready_at is not null`;
}

/** @param known - the fresh runs of which more is recorded than a row */
function reserved(row: RunRow, claimable: readonly Claimable[], known: ReadonlySet<string>): Reserved {
  const { workflow, fits } = claimable.find(
    ({ workflow: { name, kind } }) => name === row.workflow && (kind === row.kind || row.fit === ""),
  ) as Claimable;
  const { id: runId, parent_run_id: parent, parent_node: node } = row;
  const isFresh = row.is_fresh === 1;
  const structure = fits.byFingerprint.get(row.fingerprint);
  const run: ClaimedRun = {
    runId,
    token: row.fencing_token,
    workflow: row.workflow,
    kind: workflow.kind,
    structure: structure ?? fits.byFit.get(row.fit),
    isFresh,
    recoveries: row.recoveries,
    parent: parent === null || node === null ? undefined : { runId: parent, node },
  };
  const isRated = workflow.rate !== undefined;
  return { run, reservation: { row, structure, isBlank: isFresh && !known.has(runId), isRated, request: row.request } };
}
