/** BullMQ as the queue of services, for the contracts that all queues fulfil. */
import { Redis } from "ioredis";
import { afterAll, it } from "vitest";
import { bullmq, type BullmqOptions } from "dagwright/bullmq";
import { execute, type PostgresServer } from "./postgres.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "./store-subjects.js";

/** So rare that no spec waits for it: tickets come at once, or the spec fails. */
const NO_REPAIR = 600_000;

/** A Redis for specs. */
export interface RedisServer {
  readonly url: string;
  /** A prefix that no other spec has. Its keys are removed after all specs of the file. */
  readonly prefix: () => string;
  /** Removes all keys of a prefix. */
  readonly empty: (prefix: string) => Promise<void>;
}

/** Defines specs that need a Redis. Without one, defines one skipped spec, which says how to run them. */
export async function withRedis(specs: (server: RedisServer) => void): Promise<void> {
  const url = process.env.DAGWRIGHT_TEST_REDIS_URL ?? "redis://127.0.0.1:6379";
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => {});
  try {
    await redis.connect();
  } catch {
    return it.skip(`no Redis at ${url}: start one there, or name another with DAGWRIGHT_TEST_REDIS_URL`, () => {});
  }
  const prefixes: string[] = [];
  const empty = async (prefix: string) => {
    const keys = await redis.keys(`${prefix}:*`);
    if (keys.length > 0) await redis.del(...keys);
  };
  afterAll(async () => {
    for (const prefix of prefixes) await empty(prefix);
    await redis.quit();
  });
  const prefix = () => {
    const made = `dagwright-spec-${process.pid}-${Math.random().toString(36).slice(2)}`;
    prefixes.push(made);
    return made;
  };
  specs({ url, prefix, empty });
}

/** Stores in SQLite, with tickets in a Redis. */
export function redisSubject({ url, prefix }: RedisServer, options: Partial<BullmqOptions> = {}) {
  return async (): Promise<OpenSubject> => {
    const subject = await sqliteSubject();
    let current = prefix();
    const queueOptions = () => ({ connection: url, prefix: current, repairInterval: NO_REPAIR, ...options });
    return {
      ...subject,
      queueOptions,
      queue: () => bullmq(queueOptions()),
      reset: async () => {
        current = prefix();
        await subject.reset();
      },
    };
  };
}

/** Stores in Postgres, with tickets in the same database. */
export function bullmqPostgresSubject(server: PostgresServer, options: Partial<BullmqOptions> = {}) {
  const connect = postgresSubject(server);
  return async (): Promise<OpenSubject> => {
    const subject = await connect();
    const queueOptions = () => ({ connection: server.url, repairInterval: NO_REPAIR, ...options });
    return {
      ...subject,
      queueOptions,
      queue: () => bullmq(queueOptions()),
      reset: async () => {
        await subject.reset();
        await execute(
          server.url,
          "do $$ begin if to_regclass('bullmq.job') is not null then delete from bullmq.job; end if; end $$",
        );
      },
    };
  };
}
