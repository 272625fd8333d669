import { afterEach, describe, expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { bullmq } from "dagwright/bullmq";
import { withOwnRedis, type OwnRedis } from "../support/redis-server.js";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";
import { refuseUnhandledRejections } from "../support/unhandled.js";
import { failure, gate, sleep, until } from "../support/waiting.js";

withOwnRedis((create) => {
  describe("A service whose Redis can't be reached", () => {
    const { client, service } = useServices(sqliteSubject);
    refuseUnhandledRejections();
    afterEach(() => void vi.restoreAllMocks());
    const warnings = () => {
      const told: string[] = [];
      vi.spyOn(process, "emitWarning").mockImplementation((warning) => void told.push(String(warning)));
      return told;
    };
    const queueOf = ({ url }: OwnRedis) => bullmq({ connection: url, repairInterval: 500 });
    const doubled = () => {
      const dag = new Dag("orders");
      dag.node("double", (of: number) => of * 2);
      return dag;
    };

    it("is refused at its start, which says why, and can be started later", async () => {
      const redis = await create();
      const serving = service({ workflows: [doubled()], queue: queueOf(redis) });
      const error = await failure(serving.start());
      expect(error).toMatchObject({ name: "StoreError", code: "STORE" });
      expect(error.message).toMatch(
        /^The queue of the service can't be used: .*ECONNREFUSED.*Check "connection" of bullmq/u,
      );
      await redis.start();
      await serving.start();
      expect((await (await serving.submit("orders", { inputs: { of: 1 } })).result()).value).toBe(2);
    });

    it("names what else Redis refuses", async () => {
      const redis = await create();
      await redis.start("--requirepass", "secret");
      const error = await failure(service({ workflows: [doubled()], queue: queueOf(redis) }).start());
      expect(error.message).toContain("NOAUTH");
    });

    it("says so once, drives on, records what is submitted, and goes on when Redis is back, even without its data", async () => {
      const told = warnings();
      const redis = await create();
      await redis.start();
      const { opened, open } = gate();
      const dag = doubled();
      const long = new Dag("long");
      long.node("a", () => opened.then(() => "done"));
      const serving = service({ workflows: [dag, long], queue: queueOf(redis) });
      await serving.start();
      const before = await serving.submit(long);
      const delayed = await serving.submit(dag, { inputs: { of: 2 }, delay: 2000 });
      await until(async () => (await serving.health()).running === 1);
      await redis.kill();
      const during = await client({ queue: queueOf(redis) }).submit("orders", { inputs: { of: 3 } });
      open();
      expect((await before.result()).value).toBe("done");
      await sleep(1500);
      expect((await serving.get(during.runId))?.status).toBe("queued");
      // One of the service, one of the client.
      expect(told.filter((text) => text.startsWith("The queue can't be reached"))).toHaveLength(2);
      await redis.start();
      expect((await during.result()).value).toBe(6);
      expect((await delayed.result()).value).toBe(4);
      expect((await (await serving.submit(dag, { inputs: { of: 4 } })).result()).value).toBe(8);
      expect(told).toHaveLength(2);
    });

    it("goes on when Redis has stood still for long", async () => {
      warnings();
      const redis = await create();
      await redis.start();
      const dag = doubled();
      const serving = service({ workflows: [dag], queue: queueOf(redis) });
      await serving.start();
      await (await serving.submit(dag, { inputs: { of: 1 } })).result();
      redis.freeze();
      const run = await serving.submit(dag, { inputs: { of: 2 } });
      await sleep(8000);
      expect((await serving.get(run.runId))?.status).toBe("queued");
      redis.thaw();
      expect((await run.result()).value).toBe(4);
    });

    it("can be stopped and closed meanwhile, as a client can", async () => {
      warnings();
      const redis = await create();
      await redis.start();
      const dag = doubled();
      const serving = service({ workflows: [dag], queue: queueOf(redis) });
      const submitting = client({ queue: queueOf(redis), workflows: [dag] });
      await serving.start();
      await (await submitting.submit(dag, { inputs: { of: 1 } })).result();
      await redis.kill();
      await submitting.submit(dag, { inputs: { of: 1 } });
      await submitting.close();
      await serving.stop();
      await serving.close();
    });
  });
});
