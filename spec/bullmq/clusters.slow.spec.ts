import { Cluster, Redis } from "ioredis";
import { describe, expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { bullmq } from "dagwright/bullmq";
import { withOwnRedis } from "../support/redis-server.js";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";
import { until } from "../support/waiting.js";

withOwnRedis((create) => {
  describe("A cluster of Redis", () => {
    const { client, service } = useServices(sqliteSubject);

    it("brings runs to services, also after it was gone", async () => {
      const told = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const server = await create();
      const start = async () => {
        await server.start("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1");
        const redis = new Redis(server.url);
        await redis.cluster("ADDSLOTSRANGE", 0, 16_383).catch(() => {});
        await until(async () => String(await redis.cluster("INFO")).includes("cluster_state:ok"));
        await redis.quit();
      };
      await start();
      const cluster = new Cluster([server.url]);
      cluster.on("error", () => {});
      const queue = () => bullmq({ connection: cluster, prefix: "{dagwright}", repairInterval: 500 });
      const dag = new Dag("orders");
      dag.node("double", (of: number) => of * 2);
      const serving = service({ workflows: [dag], queue: queue() });
      await serving.start();
      const submitting = client({ workflows: [dag], queue: queue() });
      expect((await (await submitting.submit(dag, { inputs: { of: 1 } })).result()).value).toBe(2);
      expect((await (await submitting.submit(dag, { inputs: { of: 2 }, delay: 100 })).result()).value).toBe(4);
      await server.kill();
      const run = await submitting.submit(dag, { inputs: { of: 3 } });
      await until(() => told.mock.calls.length > 0);
      await start();
      expect((await run.result()).value).toBe(6);
      cluster.disconnect();
    });
  });
});
