import type { Kysely } from "kysely";
import { StoreError } from "../../base/errors.js";
import { Semaphore } from "../../base/semaphore.js";
import type { DatabaseAccess } from "../database/database-access.js";
import type { DriverPoller } from "../driver-poller.js";
import { parts } from "../database/parts.js";
import type { Tables } from "../database/schema.js";
import type { Leases } from "../leases.js";
import { kindOf } from "../reading/run-rows.js";
import { ENDED } from "../reading/run-summary.js";
import { fingerprintOf, fitOf } from "../writing/fingerprint.js";
import type { LogHost } from "../writing/run-log.js";
import { possiblyAddressed, readyAddressed } from "./addressed.js";
import { type Fits, reserveRuns } from "./claim-next.js";
import { healthByWorkflow, totalHealth } from "./health.js";
import { promoteRuns, upcoming } from "./promote.js";
import type {
  Answers,
  Claimed,
  ClaimRequest,
  DriverRequest,
  HeldRun,
  OnWake,
  Promoted,
  QueueHealth,
  RequestOutcome,
  RunEndKind,
  RunQueue,
  RunWorkflow,
  ServedWorkflow,
  Submission,
  Submitted,
  UnclaimedRun,
  Wake,
} from "./queue.js";
import { releaseRuns } from "./release.js";
import { failRun } from "./fail.js";
import { carryOutHeld, requestOf, tellDriver } from "./requests.js";
import { encodeAnswers, resumeRun } from "./resume.js";
import type { Outlook } from "./schedules/outlook.js";
import { Submissions } from "./submissions.js";
import { submitRun } from "./submit.js";
import { lookAfter, type Stray, strayRuns } from "./sweep.js";
import { readyRuns, unclaimedRuns } from "./unclaimed.js";
import { Wakes } from "./wakes.js";

/** What the queue uses of its store. */
export interface QueueHost {
  readonly access: DatabaseAccess;
  readonly leases: Leases;
  readonly logHost: LogHost;
  readonly outlook: Outlook;
  readonly poller: DriverPoller;
}

/** The queue of a SQL store. */
export class SqlQueue implements RunQueue {
  private readonly wakes: Wakes;
  /** The hashes of each structure that services have asked for. */
  private readonly hashes = new Map<string, { readonly fingerprint: string; readonly fit: string }>();
  private readonly submissions: Submissions;
  /** Only one claim at a time, so that it finds what it has reserved when the answer was lost. */
  private readonly claiming = new Semaphore(1);
  private lapse = Infinity;

  constructor(private readonly host: QueueHost) {
    const { leases, access, poller } = host;
    this.submissions = new Submissions(access);
    this.wakes = new Wakes(leases.owner, access, (what) => {
      host.outlook.forget();
      if (what === "requested" && leases.driven.size + leases.reserved.size > 0) void poller.poll();
    });
  }

  /** Stops waking listeners. Called when the store closes. */
  stop(): void {
    this.wakes.stop();
  }

  /** Called when a run that this store drove has ended, or has come to rest. */
  ended(runId: string, status: string): void {
    if (!this.wakes.isHeard) return;
    if (status === "waiting" || status === "paused") this.cameToRest(runId);
    else this.wakes.wake("ended");
  }

  /** Passes a request to the driver of a run, or keeps it until the run begins. */
  ask(runId: string, request: string): void {
    const { leases } = this.host;
    const log = leases.driven.get(runId);
    const reservation = leases.reserved.get(runId);
    if (log !== undefined) tellDriver(log, request);
    else if (reservation !== undefined) {
      reservation.request = request;
      this.wakes.tell("asked", [runId]);
    }
  }

  async submit(run: Submission): Promise<Submitted> {
    const { access, logHost } = this.host;
    const submitted = await access.run(() => submitRun(access, this.submissions, run, logHost));
    if (submitted.isNew) this.wakes.wake("ready", [run.runId]);
    return submitted;
  }

  async claimNext(request: ClaimRequest): Promise<Claimed> {
    const { access, leases } = this.host;
    await this.claiming.acquire();
    leases.mayOwn();
    try {
      const { runs, ...more } = await reserveRuns(access, leases, request, (workflow) => this.fitsOf(workflow));
      for (const { reservation } of runs) leases.reserve(reservation);
      return { ...more, runs: runs.map(({ run }) => run) };
    } finally {
      this.claiming.release();
    }
  }

  async promoteDue(workflows: readonly string[]): Promise<Promoted> {
    const { access } = this.host;
    if (workflows.length === 0) return { promoted: 0, nextIn: undefined, hasReady: false };
    const look = () => access.run(() => access.read((database) => upcoming(database, workflows)));
    const found = await this.host.outlook.keep(look);
    // Usually, none is due, so there is no transaction.
    if (found.nextIn !== 0) return { promoted: 0, ...found };
    const step = () => access.run(() => access.transaction((trx, database) => promoteRuns(trx, database, workflows)));
    let promoted = 0;
    for (;;) {
      const { promoted: ofStep, nextIn, isPartial } = await step();
      promoted += ofStep;
      if (ofStep > 0) this.wakes.wake("ready");
      if (!isPartial) return { promoted, nextIn, hasReady: found.hasReady || promoted > 0 };
    }
  }

  async release(runs: readonly HeldRun[], delay = 0): Promise<void> {
    const { access, leases } = this.host;
    // From here on, nobody begins them. A run that was begun before stays with its driver.
    for (const run of runs) leases.forgetReserved(run);
    const left = runs.filter((run) => !leases.isDriving(run));
    await access.run(async () => {
      for (const part of parts(left)) {
        await access.transaction((trx, database) => releaseRuns(trx, database, leases, part, delay));
      }
    });
    const runIds = left.map(({ runId }) => runId);
    this.wakes.wake("ready", runIds);
  }

  async fail(run: HeldRun, error: unknown): Promise<void> {
    const { access, leases, logHost } = this.host;
    leases.forgetReserved(run);
    if (leases.isDriving(run)) return;
    await access.run(() =>
      access.transaction((trx, database) => failRun(trx, database, leases, run, error, logHost.codec)),
    );
    this.wakes.wake("ended");
  }

  async carryOut(run: HeldRun): Promise<void> {
    const { access, leases, logHost } = this.host;
    leases.forgetReserved(run);
    if (leases.isDriving(run)) return;
    await access.run(() =>
      access.transaction((trx, database) => carryOutHeld(trx, database, leases, run, logHost.codec)),
    );
    this.wakes.wake("ended");
  }

  async workflowOf(runId: string): Promise<RunWorkflow | undefined> {
    const { access } = this.host;
    const row = await access.run(() => access.read(({ db }) => workflowRow(db, runId)));
    return row && { workflow: row.workflow, kind: kindOf(row), structure: row.data ?? undefined };
  }

  /** Makes a run ready that received an event while it came to rest. */
  private cameToRest(runId: string): void {
    const { access } = this.host;
    const look = () => access.transaction((trx, database) => readyAddressed(trx, database, [runId]));
    const tell = (ready: readonly string[]) => {
      if (ready.length > 0) this.wakes.wake("ready", ready);
      else this.wakes.tell("rested", [runId]);
    };
    // Otherwise, a sweep finds it.
    access.run(look).then(tell, () => {});
  }

  /** Called when something has happened outside the queue. */
  wake(what: Wake, runIds?: readonly string[]): void {
    this.wakes.wake(what, runIds);
  }

  async request(runId: string, request: DriverRequest): Promise<RequestOutcome> {
    const { access, leases, logHost } = this.host;
    const outcome = await access.run(() =>
      access.transaction<RequestOutcome>(async (trx, database, previous) =>
        // A run that ended meanwhile has ended because of the request.
        requestOf(trx, database, leases, runId, request, logHost.codec).catch((error: unknown) => {
          if (previous !== undefined && error instanceof StoreError && error.code === "RUN_ENDED") return previous;
          throw error;
        }),
      ),
    );
    this.wakes.wake(outcome === "done" ? "ended" : "requested");
    return outcome;
  }

  async resume(runId: string, answers?: Answers): Promise<void> {
    const { access, leases, logHost } = this.host;
    const { codec } = logHost;
    const encoded = answers && encodeAnswers(answers, codec);
    await access.run(() =>
      access.transaction<number>((trx, database, previous) =>
        resumeRun(trx, database, leases, runId, encoded, codec, previous),
      ),
    );
    this.wakes.wake("ready", [runId]);
  }

  get sweepInterval(): number {
    return this.host.leases.length / 3;
  }

  get nextLapse(): number {
    return this.lapse;
  }

  async sweep(workflows: readonly ServedWorkflow[], maxRecoveries: number): Promise<number> {
    const { access, leases, logHost } = this.host;
    const ready: string[] = [];
    const errors: unknown[] = [];
    const lookAfterOne = async (stray: Stray) => {
      const isReady = await access.transaction<boolean>(
        async (trx, database, previous) =>
          (await lookAfter(trx, database, stray, maxRecoveries, logHost.codec)) || previous === true,
      );
      if (isReady) ready.push(stray.id);
    };
    await access.run(async () => {
      const { strays, nextLapse } = await access.read((database) => strayRuns(database, leases, workflows));
      this.lapse = nextLapse;
      for (const stray of strays) await lookAfterOne(stray).catch((error: unknown) => errors.push(error));
      for (const part of parts(await access.read((database) => possiblyAddressed(database, workflows)))) {
        ready.push(...(await access.transaction((trx, database) => readyAddressed(trx, database, part))));
      }
    });
    if (ready.length > 0) this.wakes.wake("ready", ready);
    // A run that can't be read does not hold up the others.
    if (errors.length > 0) throw errors[0];
    return ready.length;
  }

  async health(workflows: readonly string[]): Promise<QueueHealth> {
    return totalHealth((await this.healthByWorkflow(workflows)).values());
  }

  async healthByWorkflow(workflows: readonly string[]): Promise<ReadonlyMap<string, QueueHealth>> {
    const { access } = this.host;
    return access.run(() => access.read((database) => healthByWorkflow(database, workflows)));
  }

  async endsOf(runIds: readonly string[]): Promise<ReadonlyMap<string, RunEndKind>> {
    const { access } = this.host;
    return access.run(() => access.read(({ db }) => endsOf(db, runIds)));
  }

  onWake(listener: OnWake): () => void {
    return this.wakes.add(listener);
  }

  async unclaimed(runIds: readonly string[]): Promise<readonly UnclaimedRun[]> {
    const { access } = this.host;
    return access.run(() => access.read((database) => unclaimedRuns(database, runIds)));
  }

  async ready(workflows: readonly ServedWorkflow[], limit: number): Promise<readonly UnclaimedRun[]> {
    const { access } = this.host;
    const served = workflows.map((workflow) => ({ workflow, fits: this.fitsOf(workflow) }));
    return access.run(() => access.read((database) => readyRuns(database, served, limit)));
  }

  private fitsOf({ structures }: ServedWorkflow): Fits {
    const byFit = new Map<string, string | undefined>([["", undefined]]);
    const byFingerprint = new Map<string, string>();
    for (const structure of structures) {
      let hashes = this.hashes.get(structure);
      if (hashes === undefined) {
        hashes = { fingerprint: fingerprintOf(structure), fit: fitOf(structure) };
        this.hashes.set(structure, hashes);
      }
      byFingerprint.set(hashes.fingerprint, structure);
      if (!byFit.has(hashes.fit)) byFit.set(hashes.fit, structure);
    }
    return { byFit, byFingerprint };
  }
}

function workflowRow(db: Kysely<Tables>, runId: string) {
  const query = db.selectFrom("runs").leftJoin("blobs", "blobs.hash", "runs.fingerprint");
  return query.select(["workflow", "kind", "data"]).where("id", "=", runId).executeTakeFirst();
}

/** How the runs ended; only those that have. */
async function endsOf(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, RunEndKind>> {
  const ends = new Map<string, RunEndKind>(runIds.map((id) => [id, "gone"]));
  for (const part of parts(runIds)) {
    const rows = await db.selectFrom("runs").select(["id", "status"]).where("id", "in", part).execute();
    for (const { id, status } of rows) {
      if (isEnd(status)) ends.set(id, status);
      else ends.delete(id);
    }
  }
  return ends;
}

function isEnd(status: string): status is RunEndKind {
  return ENDED.includes(status);
}
