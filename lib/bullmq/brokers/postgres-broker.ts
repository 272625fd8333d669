import type { PostgresPoolConfig } from "bullmq";
import type * as Pg from "pg";
import { listen, type NoticeClient } from "../../stores/postgres/postgres-notices.js";
import { ANSWER_TIMEOUT, type Bell, type Broker, type JobQueue, QUEUE_OPTIONS } from "./broker.js";
import { postgresRemedy } from "./postgres-refusals.js";
import { loadBullMq, loadPg } from "./packages.js";

type BullMq = ReturnType<typeof loadBullMq>;
type Backend = ReturnType<BullMq["createPostgresBackend"]>;

/** The channel on which BullMQ tells of new jobs, by the names of their queues. */
const CHANNEL = "bullmq_jobs";

/** How each connection is made, unless the user has another wish. */
const POOL_OPTIONS: PostgresPoolConfig = {
  max: 4,
  allowExitOnIdle: true,
  keepAlive: true,
  connectionTimeoutMillis: ANSWER_TIMEOUT,
  query_timeout: ANSWER_TIMEOUT,
};

/** BullMQ's Postgres backend, with a pool of connections, and one connection that listens. */
export class PostgresBroker implements Broker {
  private root: Backend | undefined;
  private starting: Promise<void> | undefined;
  private readonly queues: JobQueue[] = [];
  private readonly bells: Bell[] = [];
  private isClosed = false;

  /** @throws {StoreError} saying what to install */
  static to(connection: string | object): () => PostgresBroker {
    const bullmq = loadBullMq();
    const pg = loadPg();
    return () => new PostgresBroker(bullmq, pg, poolOf(connection));
  }

  private constructor(
    private readonly bullmq: BullMq,
    private readonly pg: typeof Pg,
    private readonly connection: Pg.Pool | PostgresPoolConfig,
  ) {}

  async ready(): Promise<void> {
    this.starting ??= this.start().catch((error: unknown) => {
      this.starting = undefined;
      throw error;
    });
    await this.starting;
  }

  private async start(): Promise<void> {
    if (this.isClosed) throw new Error("the connection is closed");
    const root = this.bullmq.createPostgresBackend("dagwright", { ...QUEUE_OPTIONS, connection: this.connection });
    root.on("error", () => {});
    try {
      await root.waitUntilReady();
    } catch (error) {
      // It would say so for ever.
      await root.close();
      throw error;
    }
    this.root = root;
  }

  /** Setting up the schema writes as well, or finds it set up. */
  probe(): Promise<void> {
    return this.ready();
  }

  remedyFor(error: unknown): string | undefined {
    return postgresRemedy(error);
  }

  open(name: string): JobQueue {
    const { connection, bullmq, root } = this;
    const queue: JobQueue = new bullmq.Queue(name, { connection: connection }, () => root!.forQueue(name));
    queue.on("error", () => {});
    this.queues.push(queue);
    return queue;
  }

  bell(onRing: (queue: string | undefined) => void): Bell {
    const { connection } = this;
    const options = "options" in connection && "query" in connection ? (connection.options as object) : connection;
    const connect = () => new this.pg.Client({ ...options, keepAlive: true }) as NoticeClient;
    const stop = listen(connect, CHANNEL, onRing);
    // All who listen hear of each job.
    const bell = { listen: () => {}, passOn: () => {}, close: stop };
    this.bells.push(bell);
    return bell;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const bell of this.bells) bell.close();
    await this.starting?.catch(() => {});
    await Promise.all(this.queues.map((queue) => queue.close()));
    await this.root?.close();
  }
}

/** What BullMQ takes, with what each connection needs. */
export function poolOf(connection: string | object): Pg.Pool | PostgresPoolConfig {
  if (typeof connection === "string") return { ...POOL_OPTIONS, migrate: true, connectionString: connection };
  if ("query" in connection) return connection;
  const { migrate, skipMigrations } = connection as PostgresPoolConfig;
  const migrates = migrate === undefined && skipMigrations === undefined ? { migrate: true } : {};
  return { ...POOL_OPTIONS, ...migrates, ...connection };
}
