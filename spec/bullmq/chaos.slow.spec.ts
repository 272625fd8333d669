import { describe, expect, it } from "vitest";
import { bullmq } from "dagwright/bullmq";
import { redisSubject, withRedis } from "../support/bullmq.js";
import { isFull } from "../support/chaos.js";
import { useScenes } from "../support/chaos-scene.js";
import { sleep } from "../support/waiting.js";

const RUNS = isFull ? 500 : 60;
const SERVICES = 3;
/** The minimum number of processes to kill. */
const KILLS = isFull ? 30 : 8;
const LIMIT = 600_000;

const open = useScenes();

await withRedis((server) => {
  describe("Services whose runs come through BullMQ", () => {
    const scene = async (lease: number) => {
      const prefix = server.prefix();
      const queue = { connection: server.url, prefix, repairInterval: 1000 };
      const settings = { maxRecoveries: 1_000_000, lease, queue };
      const subject = { ...(await redisSubject(server)()), queue: () => bullmq(queue) };
      const opened = await open(subject, Array(SERVICES).fill(settings));
      return { scene: opened, fleet: opened.fleet, settings, prefix, subject };
    };

    it(
      "end each run once, repeat no completed call, and take each event once, when they are killed all the time",
      async () => {
        const { scene: played, fleet, settings, subject } = await scene(5000);
        await played.workUnderFire(RUNS, { kills: KILLS, services: SERVICES, settings });
        await played.expectWhole(RUNS);
        expect(fleet.errors).toBe("");
        await subject.close();
      },
      LIMIT,
    );

    it(
      "do so when Redis loses everything, again and again",
      async () => {
        const { scene: played, prefix, subject, fleet } = await scene(10_000);
        let isOver = false;
        const losing = (async () => {
          while (!isOver) {
            await sleep(200 + Math.random() * 300);
            await server.empty(prefix);
          }
        })();
        await played.work(RUNS);
        await played.ended(RUNS);
        isOver = true;
        await losing;
        await played.expectWhole(RUNS);
        expect(fleet.errors).toBe("");
        await subject.close();
      },
      LIMIT,
    );
  });
});
