import { randomUUID } from "node:crypto";
import type { Job } from "bullmq";
import { now } from "../../base/clock.js";
import type { ClaimableWorkflow, Claimed, ClaimedRun, RunQueue, UnclaimedRun } from "../../stores/queue/queue.js";
import type { InFlight } from "../../stores/database/in-flight.js";
import type { JobQueue } from "../brokers/broker.js";
import { byBroker } from "../brokers/broker-failure.js";
import { delayedId, delayFor, type Ticket, type TicketJob } from "./ticket.js";

/** How long a line rests whose workflow has as many runs as it may have, in ms, unless one of them ends here before. */
const REST = 500;

/** How many tickets to ask for at once, when there is one. */
const AT_ONCE = 16;

/** How long a ticket is left alone whose run can't be claimed although it is ready, in ms: at first, and at most. */
const FIRST_DELAY = 100;
const MAX_DELAY = 10_000;

/** What a line uses of its queue. */
export interface LineHost {
  readonly runs: RunQueue;
  readonly job: typeof Job;
  /** What is done with tickets while their runs are driven already. */
  readonly settling: InFlight;
}

/**
 * The tickets of a workflow for runs that begin, or for runs that continue. Whoever takes a ticket claims its run in the
 * store, which decides. The ticket is spent then, and also if the run is over, or driven by another: whoever drives it
 * next gets another ticket. If the run is ready, and can't be claimed here, its ticket goes back.
 */
export class Line {
  /** There may be tickets. */
  isRung = true;
  /** Others may not know of the tickets that this service was told of. */
  isOwed = false;
  /** When the first ticket is due that is delayed, by the clock of this process; infinite if none is known. */
  private dueAt = Infinity;
  private restsUntil = 0;
  private isFull = false;
  private readonly token = randomUUID();

  constructor(
    private readonly host: LineHost,
    private readonly queue: JobQueue<Ticket>,
    readonly workflow: string,
  ) {}

  get name(): string {
    return this.queue.name;
  }

  /** In how many ms there may be tickets to take; infinite if nothing is known. */
  get openIn(): number {
    const rest = this.restsUntil - now();
    if (rest > 0) return rest;
    return this.isRung ? 0 : Math.max(0, this.dueAt - Date.now());
  }

  get isResting(): boolean {
    return this.restsUntil > now();
  }

  /** A run of this process is over: there may be room for another. */
  wakeUp(): void {
    if (this.isFull) this.restsUntil = 0;
    this.isFull = false;
  }

  /** Claims the runs of the next tickets. @throws {StoreError}; {BrokerFailure} */
  async claim(workflow: ClaimableWorkflow, limit: number): Promise<readonly ClaimedRun[]> {
    const jobs = await this.take(limit);
    if (jobs.length === 0) return [];
    const runIds = jobs.map(({ data }) => data.runId);
    let claimed: Claimed;
    try {
      claimed = await this.host.runs.claimNext({ workflows: [workflow], limit, runIds });
    } catch (error) {
      this.settle(jobs.map((job) => job.moveToWait(this.token)));
      this.isRung = true;
      throw error;
    }
    const ids = new Set(claimed.runs.map(({ runId }) => runId));
    this.settle(jobs.filter(({ data }) => ids.has(data.runId)).map((job) => this.spend(job)));
    const left = jobs.filter(({ data }) => !ids.has(data.runId));
    if (left.length === 0) return claimed.runs;
    if (claimed.isLimited) this.rest(left, claimed.nextIn);
    else this.settle([this.putBack(left)]);
    return claimed.runs;
  }

  /** Takes the tickets back of those that died between taking and spending them. */
  async recover(): Promise<void> {
    const lost = await this.queue.getBackend().moveStalledJobsToWait();
    if (lost.length > 0) this.isRung = true;
  }

  private async take(limit: number): Promise<TicketJob[]> {
    this.isRung = this.isOwed = false;
    this.dueAt = Infinity;
    const first = await byBroker(this.next());
    if (first === undefined) return [];
    const jobs = [first];
    while (jobs.length < limit) {
      const length = Math.min(AT_ONCE, limit - jobs.length);
      const more = await Promise.allSettled(Array.from({ length }, () => byBroker(this.next())));
      const found = more.flatMap((each) => (each.status === "fulfilled" && each.value ? [each.value] : []));
      jobs.push(...found);
      if (found.length < length) return jobs;
    }
    // There may be more.
    this.isRung = true;
    return jobs;
  }

  private async next(): Promise<TicketJob | undefined> {
    const found = (await this.queue.getBackend().moveToActive(this.token)) as readonly unknown[];
    const [json, id, , dueAt] = found as [
      Parameters<LineHost["job"]["fromJSON"]>[1] | undefined,
      string,
      number,
      number,
    ];
    if (json) return this.host.job.fromJSON(this.queue, json, id);
    if (dueAt > 0) this.dueAt = dueAt;
    return undefined;
  }

  private async spend(job: TicketJob): Promise<void> {
    await job.moveToCompleted(null, this.token, false);
    if (job.data.isTimed) await this.queue.remove(delayedId(job.data));
  }

  /** No more runs of the workflow may be claimed for now. */
  private rest(jobs: readonly TicketJob[], nextIn: number | undefined): void {
    this.settle(jobs.map((job) => job.moveToWait(this.token)));
    this.isRung = true;
    this.isFull = nextIn === undefined;
    this.restsUntil = now() + (nextIn ?? REST);
  }

  /** Gives tickets back whose runs could not be claimed, and drops those whose runs have another driver, or are over. */
  private async putBack(jobs: readonly TicketJob[]): Promise<void> {
    const unclaimed = await this.host.runs.unclaimed(jobs.map(({ data }) => data.runId));
    const byId = new Map(unclaimed.map((run) => [run.runId, run]));
    for (const job of jobs) {
      const run = byId.get(job.data.runId);
      this.settle([run?.token === job.data.token ? this.delay(job, run) : this.spend(job)]);
    }
  }

  /** The run is not due by the store's clock, or locked, or of a version that this service does not have. */
  private async delay(job: TicketJob, { readyIn }: UnclaimedRun): Promise<void> {
    const again = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** Math.min(job.attemptsStarted, 10));
    const delay = readyIn > 0 ? delayFor(readyIn) : again;
    const at = Date.now() + delay;
    this.dueAt = Math.min(this.dueAt, at);
    await job.moveToDelayed(at, this.token);
  }

  /** A ticket that can't be settled is taken again when its lock ends, and comes to the same end then. */
  private settle(work: readonly Promise<unknown>[]): void {
    for (const each of work) this.host.settling.add(byBroker(each));
  }
}
