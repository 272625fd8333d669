import { describe, expect, it } from "vitest";
import { bullmq } from "dagwright/bullmq";
import { redisSubject, withRedis } from "../support/bullmq.js";
import { isFull } from "../support/chaos.js";
import { expectRate, mostDriven, recordStarts } from "../support/chaos-limits.js";
import { useScenes } from "../support/chaos-scene.js";
import type { ChaosSettings } from "../support/chaos-service.js";
import { withPostgres } from "../support/postgres.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "../support/store-subjects.js";

const RUNS = isFull ? 400 : 40;
const SERVICES = 4;
/** The minimum number of processes to kill. */
const KILLS = isFull ? 40 : 8;
const MOST = 6;
const RATES = { orders: { limit: 8, interval: 400 }, collectors: { limit: 3, interval: 300 } };

const open = useScenes();

async function keepLimits(subject: OpenSubject, queue?: ChaosSettings["queue"]): Promise<void> {
  const settings = { maxRecoveries: 1_000_000, lease: 3000, limits: { orders: MOST }, rate: RATES, queue };
  const scene = await open(subject, Array(SERVICES).fill(settings));
  await recordStarts(subject);
  let isOver = false;
  const watching = mostDriven(subject, "orders", () => isOver);
  await scene.workUnderFire(RUNS, { kills: KILLS, services: SERVICES, settings });
  isOver = true;
  expect(await watching).toBeLessThanOrEqual(MOST);
  await scene.expectWhole(RUNS);
  // Every fourth run is a collector.
  await expectRate(subject, "orders", RUNS - RUNS / 4, RATES.orders);
  await expectRate(subject, "collectors", RUNS / 4, RATES.collectors);
  expect(scene.fleet.errors).toBe("");
}

const TITLE = "keep to limits and rates, end each run once and begin none twice";
const LIMIT = 600_000;

describe("Services that are killed all the time", () => {
  it(
    `${TITLE}: SQLite`,
    async () => {
      const subject = await sqliteSubject();
      await keepLimits(subject);
      await subject.close();
    },
    LIMIT,
  );
});

await withPostgres((server) => {
  describe("Services that are killed all the time", () => {
    it(`${TITLE}: Postgres`, async () => keepLimits(await postgresSubject(server)()), LIMIT);
  });
});

await withRedis((server) => {
  describe("Services that are killed all the time", () => {
    it(
      `${TITLE}: BullMQ on Redis`,
      async () => {
        const queue = { connection: server.url, prefix: server.prefix(), repairInterval: 1000 };
        const subject = { ...(await redisSubject(server)()), queue: () => bullmq(queue) };
        await keepLimits(subject, queue);
        await subject.close();
      },
      LIMIT,
    );
  });
});
