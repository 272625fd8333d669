import type { Job, QueueEvents } from "bullmq";
import {
  checkArray,
  checkDuration,
  checkNonEmptyString,
  checkOptions,
  integer,
  requireOptions,
  type Rules,
} from "../../base/check.js";
import { deferred } from "../../base/deferred.js";
import { asSentence } from "../../base/message.js";
import { MAX_TIMEOUT } from "../../base/timer.js";
import { warn } from "../../base/warning.js";
import { checkStore } from "../../engine/options.js";
import type { RunStore } from "../../stores/store.js";
import { ANSWER_TIMEOUT } from "../brokers/broker.js";
import { type BullmqConnection, checkConnection, refusePrefix } from "../brokers/connection.js";
import { loadBullMq } from "../brokers/packages.js";
import { Execution } from "./execution.js";
import { whenHeard } from "./heard-events.js";
import { KnownNodes } from "./known-nodes.js";
import { type NodeWorker, QueueEnds, WARNING } from "./queue-ends.js";
import { checkLease, DEFAULT_LEASE } from "./remote.js";
import { Values } from "./values.js";
import { ABANDONED, CANCEL, type Message, type NodeJob } from "./wire.js";

/** The options of {@link worker}. */
export interface WorkerOptions {
  /** The Redis or Postgres of the queue, as for `remote`. */
  connection: BullmqConnection;
  /** The name of the queue, as for `remote`. */
  queue: string;
  /** Where the keys of a Redis begin, as for `remote`; not for Postgres. @defaultValue "dagwright" */
  prefix?: string | undefined;
  /** Classes, instances, dags and fsms with the nodes that it executes, also those of the workflows inside. */
  workflows: readonly object[];
  /** How many nodes it executes at a time. @defaultValue 1 */
  concurrency?: number | undefined;
  /**
   * How soon it is noticed that it has died, in ms; at least 100. It must be longer than twice what any node blocks the
   * event loop: a worker that is not heard of is taken for dead. @defaultValue 10 000
   */
  lease?: number | undefined;
  /** The store of the runs: it has the values that are too large for the queue, and knows the types of others. */
  store?: RunStore | undefined;
}

/** The options of {@link RemoteWorker.close}. */
export interface WorkerCloseOptions {
  /** How long nodes may go on before they are interrupted, in ms. @defaultValue 30 000 */
  grace?: number | undefined;
}

const DEFAULT_GRACE = 30_000;

/** How long a job is left to others that this worker has no code for, in ms: at first, and at most. */
const FIRST_DELAY = 50;
const MAX_DELAY = 5000;

const RULES: Rules<WorkerOptions> = {
  connection: checkConnection,
  queue: checkNonEmptyString,
  prefix: checkNonEmptyString,
  workflows: checkArray,
  concurrency: integer(1),
  lease: checkLease,
  store: (_, store) => checkStore(store),
};
const CLOSE_RULES: Rules<WorkerCloseOptions> = {
  grace: (option, grace) => checkDuration(option, grace, 0, MAX_TIMEOUT),
};

/**
 * Executes the nodes that runs pass to a queue with `remote`, from now on until it is closed. A job of other code than
 * this process has goes back to the queue.
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received; {InvalidNodeError} for what is no
 *   workflow; {ValidationError} for two of the same name; {StoreError} STORE when a package is missing
 */
export function worker(options: WorkerOptions): RemoteWorker {
  checkOptions(options, RULES, "worker");
  requireOptions(options, ["connection", "queue", "workflows"], RULES);
  refusePrefix(options.connection, options.prefix);
  return new RemoteWorker(options);
}

/** A process that executes nodes of others, made by {@link worker}. It keeps the process alive until it is closed. */
export class RemoteWorker {
  private readonly nodes: KnownNodes;
  private readonly values: Values;
  private readonly ends: QueueEnds;
  private readonly bullmq = loadBullMq();
  private readonly end: NodeWorker;
  private readonly events: QueueEvents;
  private readonly started: Promise<void>;
  private readonly warned = new Set<string>();
  private readonly over = deferred();
  private closing: Promise<void> | undefined;

  /** @internal */
  constructor(options: WorkerOptions) {
    const { connection, queue, prefix, workflows, concurrency = 1, lease = DEFAULT_LEASE, store } = options;
    this.nodes = new KnownNodes(workflows);
    this.values = new Values(store?.values);
    this.ends = new QueueEnds(connection, queue, prefix, lease);
    this.events = this.ends.events();
    this.end = this.ends.worker((job, token, signal) => this.execute(job, token, signal), concurrency);
    this.end.on("lockRenewalFailed", (ids) => this.cancel(ids, "its lock could not be renewed"));
    this.events.on(
      CANCEL as "error",
      ((event: { readonly jobId: string }) => this.cancel([event.jobId], ABANDONED)) as never,
    );
    this.started = this.start();
    this.started.catch(() => {});
  }

  /** The names of the workflows whose nodes it executes. */
  get workflows(): readonly string[] {
    return this.nodes.names;
  }

  /** Resolves when it takes jobs. It tries for as long as the broker can't be reached. */
  ready(): Promise<void> {
    return this.started;
  }

  /**
   * Takes no more jobs, waits for the nodes that it executes, and closes the connections. Those that go on for longer
   * than `grace` are interrupted by their signal, and their attempts are lost. Idempotent.
   * @throws {TypeError} | {RangeError} for an option out of range
   */
  close(options: WorkerCloseOptions = {}): Promise<void> {
    checkOptions(options, CLOSE_RULES, "close");
    return (this.closing ??= this.shutDown(options.grace ?? DEFAULT_GRACE));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async start(): Promise<void> {
    await whenHeard(this.events, this.end.getBackend(), this.over.promise);
    if (this.closing === undefined) void this.end.run().catch(() => {});
  }

  private async execute(job: Job<NodeJob, string>, token = "", signal?: AbortSignal): Promise<string> {
    const callable = this.nodes.callable(job.data);
    if (typeof callable === "string") return this.giveBack(job, token, callable);
    const execution = new Execution(job, callable, this.values, signal ?? new AbortController().signal);
    return JSON.stringify(await execution.outcome());
  }

  /** Leaves a job to a worker that has its code. */
  private async giveBack(job: Job<NodeJob, string>, token: string, why: string): Promise<never> {
    if (!this.warned.has(why)) {
      this.warned.add(why);
      warn(`A job has been put back: ${asSentence(why)} It waits for a worker with the code of its run.`, WARNING);
    }
    await job.updateProgress({ otherCode: why } satisfies Message);
    const delay = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** Math.min(job.attemptsStarted, 10));
    await job.moveToDelayed(Math.ceil(Date.now() + delay * (0.5 + Math.random() / 2)), token);
    throw new this.bullmq.DelayedError();
  }

  private cancel(ids: readonly string[], why: string): void {
    for (const id of ids) this.end.cancelJob(id, why);
  }

  private async shutDown(grace: number): Promise<void> {
    this.ends.isClosing = true;
    this.over.resolve();
    await this.started;
    // It has no jobs if it has not begun to take any.
    if (this.end.isRunning()) await this.finish(grace);
    await this.ends.close(this.events, this.end);
  }

  /** Waits for the nodes that it executes, and not for a broker that can't be reached. */
  private async finish(grace: number): Promise<void> {
    let give: () => void = () => {};
    const givenUp = new Promise<void>((resolve) => (give = resolve));
    const interrupt = setTimeout(() => this.end.cancelAllJobs("its worker was stopped"), grace);
    const giveUp = setTimeout(give, Math.min(MAX_TIMEOUT, grace + ANSWER_TIMEOUT));
    await Promise.race([this.end.close(), givenUp]);
    clearTimeout(interrupt);
    clearTimeout(giveUp);
  }
}
