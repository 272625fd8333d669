import type { QueueEvents } from "bullmq";
import { checkDuration, checkNonEmptyString, checkOptions, requireOptions, type Rules } from "../../base/check.js";
import { onAbort } from "../../base/abort.js";
import { now } from "../../base/clock.js";
import { type Deferred, deferred } from "../../base/deferred.js";
import { ClosedError } from "../../base/errors.js";
import { asSentence, messageOf } from "../../base/message.js";
import { MAX_TIMEOUT } from "../../base/timer.js";
import { warn } from "../../base/warning.js";
import type { Backend, BackendCall } from "../../definition/specs/backend.js";
import { hasFunction, type NodeSpec } from "../../definition/specs/node-spec.js";
import { InFlight } from "../../stores/database/in-flight.js";
import { byBroker } from "../brokers/broker-failure.js";
import { type BullmqConnection, checkConnection, refusePrefix } from "../brokers/connection.js";
import { AbandonedJobs } from "./abandoned-jobs.js";
import { RemoteAttempt } from "./attempt.js";
import { whenHeard } from "./heard-events.js";
import { NodeJobs } from "./node-jobs.js";
import { type NodeQueue, type NodeQueueJob, QueueEnds, WARNING } from "./queue-ends.js";
import { TakenJobs } from "./taken-jobs.js";
import { ABANDONED, type Message, type NodeJob } from "./wire.js";

/** The options of {@link remote}. */
export interface RemoteOptions {
  /** A Redis or a Postgres, as for `bullmq`. */
  connection: BullmqConnection;
  /** The name of the queue, which workers have as well. It is the name of the backend, too. */
  queue: string;
  /** Where the keys of a Redis begin; not for Postgres. @defaultValue "dagwright" */
  prefix?: string | undefined;
  /** How long a call may take, waiting for a worker included, in ms. @defaultValue unlimited */
  timeout?: number | undefined;
  /** How soon it is noticed that a worker has died, in ms; at least 100. Workers should have the same. @defaultValue 10 000 */
  lease?: number | undefined;
}

export const DEFAULT_LEASE = 10_000;
const MIN_LEASE = 100;

/** How many jobs are asked for at a time of which nothing has been heard for long. */
const MOST_ASKED = 50;

export const checkLease: Rules<RemoteOptions>["lease"] = (option, lease) =>
  checkDuration(option, lease, MIN_LEASE, MAX_TIMEOUT);

const RULES: Rules<RemoteOptions> = {
  connection: checkConnection,
  queue: checkNonEmptyString,
  prefix: checkNonEmptyString,
  timeout: (option, timeout) => checkDuration(option, timeout, 1, MAX_TIMEOUT),
  lease: checkLease,
};

/** A backend whose nodes workers execute, in any number of processes, see {@link remote}. */
export interface RemoteBackend extends Backend {
  /** Ends the calls in flight, and closes the connections. Idempotent. */
  close(): Promise<void>;
  /** Closes it at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A backend that passes nodes to workers through a queue of BullMQ. A worker finds a node by the names of workflow and
 * node; inputs and results are copied as a store would. The connections are made for the first call, and keep the
 * process alive until `close`.
 *
 * A call fails with a `BackendError`: `WORKER_LOST` within `lease` of the death of its worker, `BACKEND` at its
 * `timeout`, and for values that can't be sent.
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received; {StoreError} STORE when a package
 *   is missing
 */
export function remote(options: RemoteOptions): RemoteBackend {
  checkOptions(options, RULES, "remote");
  requireOptions(options, ["connection", "queue"], RULES);
  refusePrefix(options.connection, options.prefix);
  return new RemoteQueue(options);
}

/** Why a job failed whose worker did not renew its lock: as told by who finds it, and by the worker that gets it next. */
const STALLED = "job stalled";

/** An attempt whose outcome has not come yet. */
interface Pending {
  readonly attempt: RemoteAttempt;
  readonly outcome: Deferred<string>;
  /** Enqueues it once more. */
  readonly again: () => void;
  /** When something was heard of it, by the monotonic clock; Infinity before it is enqueued. */
  heardAt: number;
}

/** The open ends of the queue. */
interface Opened {
  readonly queue: NodeQueue;
  readonly jobs: NodeJobs;
  readonly events: QueueEvents;
}

class RemoteQueue implements RemoteBackend {
  readonly name: string;
  private readonly timeout: number | undefined;
  private readonly lease: number;
  private readonly ends: QueueEnds;
  private opening: Promise<Opened> | undefined;
  private opened: Opened | undefined;
  private closing: Promise<void> | undefined;
  private readonly over = deferred();
  private readonly pending = new Map<string, Pending>();
  private readonly abandoned = new AbandonedJobs();
  private readonly taken = new TakenJobs();
  private readonly settling = new InFlight();
  private readonly warned = new Set<string>();
  private watch: NodeJS.Timeout | undefined;
  private isLooking = false;

  constructor({ connection, queue, prefix, timeout, lease = DEFAULT_LEASE }: RemoteOptions) {
    this.name = queue;
    this.timeout = timeout;
    this.lease = lease;
    this.ends = new QueueEnds(connection, queue, prefix, lease);
  }

  place(node: NodeSpec): true | string {
    return hasFunction(node) || "it has no function, which workers would find by its name";
  }

  async run(call: BackendCall, signal: AbortSignal): Promise<unknown> {
    const attempt = new RemoteAttempt(call, this.name);
    const job = await attempt.job();
    signal.throwIfAborted();
    const opened = await this.open();
    signal.throwIfAborted();
    return attempt.result(await this.outcomeOf(opened, attempt, job, signal));
  }

  close(): Promise<void> {
    return (this.closing ??= this.shutDown());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async outcomeOf(opened: Opened, attempt: RemoteAttempt, job: NodeJob, signal: AbortSignal): Promise<string> {
    const id = attempt.id(job);
    const outcome = deferred<string>();
    const { jobs } = opened;
    const again = () => this.settling.add(jobs.remove(id).then(() => this.enqueue(jobs, attempt, id, job)));
    this.pending.set(id, { attempt, outcome, again, heardAt: Infinity });
    this.watchOver(opened);
    const forget = onAbort(signal, outcome.reject);
    const late = () => outcome.reject(attempt.error(`It took more than ${this.timeout} ms, its "timeout".`));
    const timer = this.timeout === undefined ? undefined : setTimeout(late, this.timeout);
    const added = this.enqueue(jobs, attempt, id, job);
    added.catch((cause: unknown) =>
      outcome.reject(attempt.error(`The queue refused it: ${asSentence(messageOf(cause))}`, { cause })),
    );
    let isSettled = false;
    try {
      const text = await outcome.promise;
      isSettled = true;
      return text;
    } finally {
      clearTimeout(timer);
      forget();
      this.pending.delete(id);
      if (!isSettled) this.settling.add(added.then((isThere) => (isThere ? this.abandoned.add(id, jobs) : undefined)));
      else if (attempt.record !== undefined) this.taken.add(id, attempt.record);
      else this.settling.add(jobs.remove(id));
    }
  }

  /** @returns whether its job is there, since somebody still waits for it */
  private async enqueue(jobs: NodeJobs, attempt: RemoteAttempt, id: string, job: NodeJob): Promise<boolean> {
    const { isRecorded } = attempt;
    const isWanted = () => this.pending.has(id);
    if (!(await jobs.add(id, job, { isRecorded, isWanted }))) return false;
    const pending = this.pending.get(id);
    if (pending !== undefined) pending.heardAt = now();
    // An earlier driver of the run may have enqueued it.
    const earlier = isRecorded ? await jobs.get(id) : undefined;
    if (earlier !== undefined) this.found(id, earlier);
    return true;
  }

  private watchOver(opened: Opened): void {
    this.watch ??= setInterval(() => {
      if (!this.isLooking) this.settling.add(this.look(opened));
    }, this.ends.checkInterval);
  }

  private stopWatching(): void {
    clearInterval(this.watch);
    this.watch = undefined;
  }

  // --- the ends of the queue ---

  private async open(): Promise<Opened> {
    if (this.closing !== undefined) throw this.closed();
    return (this.opening ??= this.connect().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    }));
  }

  private async connect(): Promise<Opened> {
    const queue = this.ends.queue();
    const events = this.ends.events();
    this.opened = { queue, jobs: new NodeJobs(queue), events };
    events.on("completed", ({ jobId, returnvalue }) => this.completed(jobId, returnvalue));
    events.on("failed", ({ jobId, failedReason }) => this.failed(jobId, failedReason));
    // BullMQ puts it back, so that the next worker fails it. It is removed before.
    events.on("stalled", ({ jobId }) => this.failed(jobId, STALLED));
    events.on("progress", ({ jobId, data }) => this.told(jobId, data as unknown as Message));
    await whenHeard(events, queue.getBackend(), this.over.promise);
    if (this.closing !== undefined) throw this.closed();
    return this.opened;
  }

  private completed(id: string, text: string): void {
    const pending = this.pending.get(id);
    if (pending !== undefined) pending.outcome.resolve(text);
    else this.dropped(id);
  }

  private failed(id: string, reason: string): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return this.dropped(id);
    // An earlier driver of the run had given it up.
    if (reason === ABANDONED) return pending.again();
    const why = reason.startsWith(STALLED)
      ? "The worker that had it is gone, or was not heard of any longer. If the node itself ends its workers, mend that; else give it a retry."
      : `Its worker has given it up: ${asSentence(reason)} Give the node a retry.`;
    pending.outcome.reject(pending.attempt.error(why, { code: "WORKER_LOST" }));
  }

  /** A job that nobody waits for is over. */
  private dropped(id: string): void {
    if (this.opened !== undefined) this.settling.add(this.abandoned.ended(id, this.opened.jobs));
  }

  private told(id: string, message: Message): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    pending.heardAt = now();
    if (!("otherCode" in message)) return pending.attempt.tell(message);
    if (this.warned.has(message.otherCode)) return;
    this.warned.add(message.otherCode);
    const text = `A worker of the queue "${this.name}" has put a job back: ${asSentence(message.otherCode)} The job waits for a worker with the code of the run.`;
    warn(text, WARNING);
  }

  /** Looks for dead workers, and asks for jobs of which nothing has been heard: BullMQ drops events when there are many. */
  private async look({ jobs }: Opened): Promise<void> {
    this.isLooking = true;
    try {
      if (this.pending.size > 0) await this.lookAtPending(jobs);
      await this.taken.removeSettled(jobs);
      await this.abandoned.tryAgain(jobs);
      if (this.pending.size === 0 && this.taken.isEmpty && this.abandoned.isEmpty) this.stopWatching();
    } finally {
      this.isLooking = false;
    }
  }

  private async lookAtPending(jobs: NodeJobs): Promise<void> {
    await jobs.takeStalled();
    const silentSince = now() - this.lease;
    const silent = Array.from(this.pending).filter(([, { heardAt }]) => heardAt < silentSince);
    for (const [id, pending] of silent.slice(0, MOST_ASKED)) {
      pending.heardAt = now();
      await this.ask(jobs, id);
    }
  }

  private async ask(jobs: NodeJobs, id: string): Promise<void> {
    const job = await jobs.get(id);
    if (job !== undefined) return this.found(id, job);
    const pending = this.pending.get(id);
    const why = "Its job is not in the queue any longer: the broker has lost it, or somebody removed it.";
    pending?.outcome.reject(pending.attempt.error(why));
  }

  private found(id: string, { finishedOn, failedReason, returnvalue }: NodeQueueJob): void {
    if (finishedOn === undefined || !this.pending.has(id)) return;
    if (failedReason) this.failed(id, failedReason);
    else this.completed(id, returnvalue);
  }

  private closed(): ClosedError {
    return new ClosedError(`The remote backend "${this.name}" is closed. Create another one.`);
  }

  /** A broker that can't be reached is not waited for: it removes jobs by their age. */
  private async settle({ jobs }: Opened): Promise<void> {
    await this.settling.settled();
    await this.taken.removeSettled(jobs);
    await this.abandoned.tryAgain(jobs);
  }

  private async shutDown(): Promise<void> {
    this.ends.isClosing = true;
    this.over.resolve();
    for (const { outcome } of this.pending.values()) outcome.reject(this.closed());
    await this.opening?.catch(() => {});
    this.stopWatching();
    if (this.opened !== undefined) await byBroker(this.settle(this.opened)).catch(() => {});
    await this.ends.close(this.opened?.events, this.opened?.queue);
  }
}
