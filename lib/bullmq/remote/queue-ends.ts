import type { IQueueBackend, Job, Processor, Queue, QueueEvents, Worker } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { now } from "../../base/clock.js";
import { asSentence, messageOf } from "../../base/message.js";
import { warn } from "../../base/warning.js";
import { byBroker } from "../brokers/broker-failure.js";
import { type BullmqConnection, isPostgres } from "../brokers/connection.js";
import { loadBullMq } from "../brokers/packages.js";
import { poolOf } from "../brokers/postgres-broker.js";
import type { NodeJob } from "./wire.js";

type AnyBackend = IQueueBackend;
export type NodeQueue = Queue<NodeJob, string, string, NodeJob, string, string, AnyBackend>;
export type NodeQueueJob = Job<NodeJob, string>;
export type NodeWorker = Worker<NodeJob, string, string, AnyBackend>;

/** The prefix of the keys in a Redis, unless another one is given. */
const PREFIX = "dagwright";

/** How long not to tell of another outage, in ms. */
const QUIET = 60_000;

/** How the lease of a job is parted, so that a dead worker is noticed within it. */
const LOCK_SHARE = 0.6;
const CHECK_SHARE = 0.15;

/** How long an end waits for jobs, or events, in one go, in ms. */
const WAIT = 5000;

/**
 * How long a Redis may leave commands unanswered until it is connected to again, in ms; two leases, if that is longer. A
 * process that is blocked by a node takes an answer that has come for none.
 */
const SILENCE = 60_000;

interface Closable {
  getBackend(): IQueueBackend;
  close(): Promise<void>;
}

/** The kind of the process warnings of both sides. */
export const WARNING = "DagwrightRemoteWarning";

/** The ends of one queue of BullMQ: what enqueues jobs, what executes them, and what hears of them. */
export class QueueEnds {
  private readonly bullmq = loadBullMq();
  private readonly clusters: Cluster[] = [];
  private quietUntil = 0;
  isClosing = false;

  /** @param lease - in ms */
  constructor(
    private readonly connection: BullmqConnection,
    private readonly name: string,
    private readonly prefix: string | undefined,
    private readonly lease: number,
  ) {}

  /** How often somebody has to look for dead workers, in ms. */
  get checkInterval(): number {
    return Math.ceil(this.lease * CHECK_SHARE);
  }

  queue(): NodeQueue {
    const { Queue } = this.bullmq;
    const queue: NodeQueue = new Queue(this.name, this.options() as never, this.factory as never);
    return this.watched(queue);
  }

  events(): QueueEvents {
    const { QueueEvents } = this.bullmq;
    const options = { ...this.options(), blockingTimeout: WAIT };
    return this.watched(new QueueEvents(this.name, options as never, this.factory as never));
  }

  worker(process: Processor<NodeJob, string>, concurrency: number): NodeWorker {
    const { Worker } = this.bullmq;
    const lockDuration = Math.floor(this.lease * LOCK_SHARE);
    const locks = { lockDuration, lockRenewTime: lockDuration / 3 };
    const own = { ...locks, concurrency, autorun: false, runRetryDelay: 1000, drainDelay: WAIT / 1000 };
    const options = { ...this.options(), ...own };
    const worker: NodeWorker = new Worker(this.name, process, options as never, this.factory as never);
    return this.watched(worker);
  }

  /** Closes ends that are idle, and the connections that BullMQ leaves open, also while the broker can't be reached. */
  async close(...ends: readonly (Closable | undefined)[]): Promise<void> {
    const closing = ends.flatMap((end) => {
      if (end === undefined) return [];
      // Without force, BullMQ would wait for a connection to say goodbye.
      const forced = end.getBackend().close(true);
      return [forced, end.close()];
    });
    await byBroker(Promise.allSettled(closing)).catch(() => {});
    for (const cluster of this.clusters) cluster.disconnect();
  }

  private get factory() {
    const { createPostgresBackend, createRedisBackend } = this.bullmq;
    return isPostgres(this.connection) ? createPostgresBackend : createRedisBackend;
  }

  /** A job whose worker has died fails, and is not given to another: whether to try again is for the run to say. */
  private options(): object {
    const { connection, prefix = PREFIX, checkInterval } = this;
    const common = { stalledInterval: checkInterval, maxStalledCount: 0 };
    if (isPostgres(connection)) return { ...common, connection: poolOf(connection) };
    return { ...common, prefix, connection: this.redis() };
  }

  private redis(): object {
    const { connection } = this;
    const own = { maxRetriesPerRequest: null };
    // What a firewall has forgotten is never answered, and never refused.
    const wished = { socketTimeout: Math.max(SILENCE, 2 * this.lease) };
    if (typeof connection === "string") return { ...wished, ...own, url: connection };
    const instance = connection as Redis | Cluster;
    if (typeof instance.duplicate !== "function") return { ...wished, ...connection, ...own };
    if (!("nodes" in instance)) return { ...wished, ...instance.options, ...own, lazyConnect: false };
    const redisOptions = { ...wished, ...instance.options.redisOptions, ...own };
    const cluster = instance.duplicate([], { redisOptions });
    this.clusters.push(cluster);
    return cluster;
  }

  private watched<T extends { on(event: "error", listener: (error: Error) => void): unknown }>(end: T): T {
    end.on("error", (error) => this.failed(error));
    return end;
  }

  private failed(error: unknown): void {
    if (this.isClosing || now() < this.quietUntil) return;
    this.quietUntil = now() + QUIET;
    const message = `The queue "${this.name}" of remote nodes can't be reached, and is tried again: ${asSentence(messageOf(error))}`;
    warn(message, WARNING);
  }
}
