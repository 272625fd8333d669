import { Redis } from "ioredis";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { runMigrations } from "bullmq";
import { Dag } from "dagwright";
import { bullmq, type BullmqOptions } from "dagwright/bullmq";
import { Client } from "dagwright/service";
import { sqliteStore } from "dagwright/store";
import { withRedis } from "../support/bullmq.js";
import { withPostgres } from "../support/postgres.js";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";
import { failure, until } from "../support/waiting.js";

function doubled() {
  const dag = new Dag("orders");
  dag.node("double", (of: number) => of * 2);
  return dag;
}

describe("The options of bullmq()", () => {
  const refused = (options: unknown) => {
    try {
      bullmq(options as BullmqOptions);
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
    return "accepted";
  };

  it("are refused by name when they are wrong", () => {
    const kinds =
      'TypeError: "connection" must be the address of a Redis or Postgres, options or an instance of ioredis, or options with a "connectionString" or a pool of pg; received ';
    expect(refused({})).toBe(`${kinds}undefined.`);
    expect(refused({ connection: "mysql://here" })).toBe(`${kinds}"mysql://here".`);
    expect(refused({ connection: new Map() })).toBe(`${kinds}an object (Map).`);
    expect(refused({ connection: {}, prefix: "" })).toMatch(/^\w+: "prefix" must be .*; received ""/u);
    expect(refused({ connection: {}, repairInterval: 0 })).toMatch(/^RangeError: "repairInterval" must be/u);
    expect(refused({ connection: {}, prefx: "a" })).toBe(
      'TypeError: Unknown option "prefx" of bullmq. Did you mean "prefix"?',
    );
    expect(refused({ connection: { keyPrefix: "a" } })).toBe(
      'TypeError: BullMQ can\'t use a "keyPrefix" of ioredis. Pass it as "prefix" of bullmq() instead.',
    );
    expect(refused({ connection: "postgres://here", prefix: "a" })).toBe(
      'TypeError: "prefix" is for Redis: Postgres has schemas instead, { connectionString, schema }. Received "a".',
    );
    const store = sqliteStore(":memory:");
    expect(() => new Client({ store, queue: "bullmq" as never })).toThrow(
      '"queue" must be a queue, as bullmq() of dagwright/bullmq makes it; received "bullmq".',
    );
  });
});

await withRedis((server) => {
  describe("A connection to Redis", () => {
    const { client, service } = useServices(sqliteSubject);
    const { hostname: host, port } = new URL(server.url);

    async function serves(connection: BullmqOptions["connection"], prefix = server.prefix()): Promise<void> {
      const dag = doubled();
      const serving = service({ workflows: [dag], queue: bullmq({ connection, prefix }) });
      const submitting = client({ workflows: [dag], queue: bullmq({ connection, prefix }) });
      await serving.start();
      expect((await (await submitting.submit(dag, { inputs: { of: 1 } })).result()).value).toBe(2);
      await submitting.close();
      await serving.close();
    }

    it("is made from an address, or options, perhaps with one", async () => {
      await serves(server.url);
      await serves({ host, port: Number(port) });
      await serves({ url: server.url, connectTimeout: 1000 });
    });

    it("is a copy of an instance, which stays as it is", async () => {
      const redis = new Redis(server.url);
      await redis.ping();
      const listeners = redis.eventNames().map((name) => [name, redis.listenerCount(name)]);
      await serves(redis);
      expect(redis.status).toBe("ready");
      expect(await redis.ping()).toBe("PONG");
      expect(redis.eventNames().map((name) => [name, redis.listenerCount(name)])).toEqual(listeners);
      await redis.quit();
    });

    it("is closed with its service or client", async () => {
      const redis = new Redis(server.url);
      const name = `dagwright-${process.pid}`;
      const count = async () => String(await redis.client("LIST")).split(`name=${name}`).length - 1;
      const dag = doubled();
      const serving = service({
        workflows: [dag],
        queue: bullmq({ connection: { host, port: Number(port), connectionName: name }, prefix: server.prefix() }),
      });
      await serving.start();
      await (await serving.submit(dag, { inputs: { of: 1 } })).result();
      expect(await count()).toBe(2);
      await serving.close();
      await until(async () => (await count()) === 0);
      await redis.quit();
    });
  });
});

await withPostgres((server) => {
  describe("A connection to BullMQ's Postgres", () => {
    const { client, service } = useServices(sqliteSubject);

    async function serves(connection: BullmqOptions["connection"]): Promise<void> {
      const dag = doubled();
      const serving = service({ workflows: [dag], queue: bullmq({ connection }) });
      const submitting = client({ workflows: [dag], queue: bullmq({ connection }) });
      await serving.start();
      const run = await submitting.submit(dag, { inputs: { of: 1 }, delay: 50 });
      expect((await run.result()).value).toBe(2);
      await submitting.close();
      await serving.close();
    }

    it("is made from an address, or options, perhaps with a schema of its own", { tags: "slow" }, async () => {
      await serves(server.url);
      await serves({ connectionString: server.url, schema: "elsewhere" });
    });

    it("is a pool with its schema set up, which stays open", async () => {
      const pool = new pg.Pool({ connectionString: server.url, options: "-c search_path=bullmq" });
      const migrating = await pool.connect();
      await runMigrations(migrating);
      migrating.release();
      await serves(pool);
      expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
      await pool.end();
    });

    it("that the server refuses is named at the start, with what to do", async () => {
      const url = new URL(server.url);
      url.pathname = "/dagwright_absent";
      const serving = service({ workflows: [doubled()], queue: bullmq({ connection: url.href }) });
      const { message } = await failure(serving.start());
      expect(message).toMatch(
        /^The queue of the service refuses its tickets: database "dagwright_absent" does not exist\. Create the database/u,
      );
    });

    it("whose server can't be reached is told from that", async () => {
      const connection = "postgres://postgres@127.0.0.1:1/test";
      const serving = service({ workflows: [doubled()], queue: bullmq({ connection }) });
      const { message } = await failure(serving.start());
      expect(message).toMatch(/^The queue of the service can't be used: .*ECONNREFUSED/u);
    });
  });
});
