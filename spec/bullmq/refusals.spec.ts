import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { bullmq } from "dagwright/bullmq";
import { Redis } from "ioredis";
import { withOwnRedis, type OwnRedis } from "../support/redis-server.js";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";
import { refuseUnhandledRejections } from "../support/unhandled.js";
import { failure, until } from "../support/waiting.js";

withOwnRedis((create) => {
  describe("What Redis refuses", () => {
    const { service } = useServices(sqliteSubject);
    refuseUnhandledRejections();
    let told: string[];
    beforeEach(() => {
      told = [];
      vi.spyOn(process, "emitWarning").mockImplementation((warning) => void told.push(String(warning)));
    });
    afterEach(() => void vi.restoreAllMocks());

    const servingOf = (url: string, prefix?: string) => {
      const dag = new Dag("orders");
      dag.node("double", (of: number) => of * 2);
      return service({ workflows: [dag], queue: bullmq({ connection: url, prefix, repairInterval: 200 }) });
    };
    /** Calls a command, on a connection of its own. */
    const command = async ({ url }: OwnRedis, name: string, ...args: string[]) => {
      const redis = new Redis(url);
      await redis.call(name, ...args);
      redis.disconnect();
    };

    const full = (redis: OwnRedis) => command(redis, "CONFIG", "SET", "maxmemory", "1");
    const roomy = (redis: OwnRedis) => command(redis, "CONFIG", "SET", "maxmemory", "0");
    const replica = (redis: OwnRedis) => command(redis, "REPLICAOF", "127.0.0.1", "1");
    const primary = (redis: OwnRedis) => command(redis, "REPLICAOF", "NO", "ONE");

    for (const [what, refuse, takeBack, code, remedy] of [
      ["for want of memory", full, roomy, "OOM", 'Raise its "maxmemory"'],
      ["as a replica", replica, primary, "READONLY", "the address of the primary"],
    ] as const) {
      it(`${what} is named at the start of a service, with what to do, and it can be started later`, async () => {
        const redis = await create();
        await redis.start();
        await refuse(redis);
        const serving = servingOf(redis.url);
        const error = await failure(serving.start());
        expect(error).toMatchObject({ name: "StoreError", code: "STORE" });
        expect(error.message).toMatch(new RegExp(`^The queue of the service refuses its tickets: .*${code}`, "u"));
        expect(error.message).toContain(remedy);
        await takeBack(redis);
        await serving.start();
        expect((await (await serving.submit("orders", { inputs: { of: 1 } })).result()).value).toBe(2);
        expect(told).toEqual([]);
      });

      it(`${what}, once it has started, is told once; what is submitted begins when it is mended`, async () => {
        const redis = await create();
        await redis.start();
        const serving = servingOf(redis.url);
        await serving.start();
        await (await serving.submit("orders", { inputs: { of: 1 } })).result();
        await refuse(redis);
        const run = await serving.submit("orders", { inputs: { of: 2 } });
        await until(() => told.length > 0);
        await serving.submit("orders", { inputs: { of: 3 } });
        expect((await serving.get(run))?.status).toBe("queued");
        await takeBack(redis);
        expect((await run.result()).value).toBe(4);
        expect(told).toEqual([expect.stringMatching(new RegExp(`^The queue refuses its tickets.*${code}`, "u"))]);
        expect(told[0]).toContain(remedy);
      });
    }

    for (const [what, rules, url, remedy] of [
      [
        "without a password",
        ["resetpass", ">secret", "+@all", "~*"],
        (port: number) => `redis://127.0.0.1:${port}`,
        "user and password",
      ],
      [
        "with another password",
        ["resetpass", ">secret", "+@all", "~*"],
        (port: number) => `redis://:wrong@127.0.0.1:${port}`,
        "user and password",
      ],
      [
        "without a command",
        ["nopass", "+@all", "-set", "~*"],
        (port: number) => `redis://127.0.0.1:${port}`,
        "the commands of BullMQ",
      ],
      [
        "with other keys",
        ["nopass", "+@all", "resetkeys", "~other:*"],
        (port: number) => `redis://127.0.0.1:${port}`,
        '"prefix"',
      ],
    ] as const) {
      it(`to a user ${what} is named at the start`, async () => {
        const redis = await create();
        await redis.start();
        await command(redis, "ACL", "SETUSER", "default", ...rules);
        const { message } = await failure(servingOf(url(redis.port)).start());
        expect(message).toMatch(/^The queue of the service refuses its tickets: .*(?:NOAUTH|WRONGPASS|NOPERM)/u);
        expect(message).toContain(remedy);
      });
    }

    it("is told from an outage", async () => {
      const redis = await create();
      const { message } = await failure(servingOf(redis.url).start());
      expect(message).toMatch(/^The queue of the service can't be used: .*ECONNREFUSED/u);
    });
  });
});
