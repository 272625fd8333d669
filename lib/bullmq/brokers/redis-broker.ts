import type { Cluster, Redis, RedisOptions } from "ioredis";
import { ANSWER_TIMEOUT, type Bell, type Broker, type JobQueue, KEEP_ALIVE, QUEUE_OPTIONS } from "./broker.js";
import { loadBullMq, loadIoRedis } from "./packages.js";
import { RedisBell } from "./redis-bell.js";
import { RedisLink } from "./redis-link.js";
import { leadsToReplica, redisRemedy } from "./redis-refusals.js";

type BullMq = ReturnType<typeof loadBullMq>;

/** The prefix of the keys, unless another one is given. It is not BullMQ's own: these jobs are for services only. */
const PREFIX = "dagwright";

/** How each connection is made. Nothing waits in a queue for it: who is refused tries again. */
const LINK_OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  connectTimeout: ANSWER_TIMEOUT,
  keepAlive: KEEP_ALIVE,
  // A link connects again when it is used, see `RedisLink`, and ends when a failover has made a replica of its Redis.
  reconnectOnError: leadsToReplica,
  retryStrategy: () => null,
} satisfies RedisOptions;

/** Makes a connection that is not open yet. */
type MakeRedis = () => Redis | Cluster;

/** A Redis, with one connection for commands, and one that waits for jobs. */
export class RedisBroker implements Broker {
  private readonly link: RedisLink;
  private root: ReturnType<BullMq["createRedisBackend"]> | undefined;
  private starting: Promise<void> | undefined;
  private readonly bells: RedisBell[] = [];
  private readonly queues: JobQueue[] = [];

  /** @throws {TypeError} for a `keyPrefix`; {StoreError} saying what to install */
  static to(connection: string | object, prefix = PREFIX): () => RedisBroker {
    const bullmq = loadBullMq();
    const make = makerOf(connection);
    return () => new RedisBroker(bullmq, make, prefix);
  }

  private constructor(
    private readonly bullmq: BullMq,
    private readonly make: MakeRedis,
    private readonly prefix: string,
  ) {
    this.link = new RedisLink(make());
  }

  async ready(): Promise<void> {
    await this.link.ready();
    this.starting ??= this.start().catch((error: unknown) => {
      this.starting = undefined;
      throw error;
    });
    await this.starting;
  }

  private async start(): Promise<void> {
    const { prefix, bullmq, link } = this;
    const options = { ...QUEUE_OPTIONS, connection: link.redis, prefix };
    const root = bullmq.createRedisBackend("dagwright", options);
    root.on("error", () => {});
    await root.waitUntilReady();
    this.root = root;
  }

  async probe(): Promise<void> {
    await this.ready();
    // In a cluster, it goes to the node that has the keys of the first queue.
    await this.link.redis.set(`${this.prefix}:probe`, "", "PX", 1);
  }

  remedyFor(error: unknown): string | undefined {
    return redisRemedy(error);
  }

  open(name: string): JobQueue {
    const { prefix, bullmq, link, root } = this;
    const queue: JobQueue = new bullmq.Queue(name, { connection: link.redis, prefix }, () =>
      root!.forQueue(name, prefix),
    );
    queue.on("error", () => {});
    this.queues.push(queue);
    return queue;
  }

  bell(onRing: (queue: string | undefined) => void): Bell {
    const keys = new this.bullmq.QueueKeys(this.prefix);
    const markerOf = (queue: string) => keys.toKey(queue, "marker");
    const bell = new RedisBell(new RedisLink(this.make()), this.link.redis, markerOf, onRing);
    this.bells.push(bell);
    return bell;
  }

  async close(): Promise<void> {
    for (const bell of this.bells) bell.close();
    await Promise.all(this.queues.map((queue) => queue.close()));
    await this.root?.close();
    this.link.close();
  }
}

/** @throws {TypeError} for a `keyPrefix` */
function makerOf(connection: string | object): MakeRedis {
  if (typeof connection === "string") {
    const { Redis } = loadIoRedis();
    return () => new Redis(connection, LINK_OPTIONS);
  }
  const instance = connection as Redis | Cluster;
  if (typeof instance.duplicate !== "function") {
    const { url, ...options } = connection as RedisOptions & { readonly url?: string };
    requireNoKeyPrefix(options);
    const { Redis } = loadIoRedis();
    const all = { ...options, ...LINK_OPTIONS };
    return () => (url === undefined ? new Redis(all) : new Redis(url, all));
  }
  requireNoKeyPrefix(instance.options);
  // It stays as it is, and the user's to close.
  if (!("nodes" in instance)) return () => instance.duplicate(LINK_OPTIONS);
  const redisOptions = { ...instance.options.redisOptions, ...LINK_OPTIONS };
  const { lazyConnect, enableOfflineQueue } = LINK_OPTIONS;
  return () =>
    instance.duplicate([], { redisOptions, lazyConnect, enableOfflineQueue, clusterRetryStrategy: () => null });
}

function requireNoKeyPrefix({ keyPrefix }: { readonly keyPrefix?: string | undefined }): void {
  if (keyPrefix === undefined || keyPrefix === "") return;
  throw new TypeError(`BullMQ can't use a "keyPrefix" of ioredis. Pass it as "prefix" of bullmq() instead.`);
}
