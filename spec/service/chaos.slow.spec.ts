import { describe, expect, it } from "vitest";
import { isFull } from "../support/chaos.js";
import { useScenes } from "../support/chaos-scene.js";
import { withPostgres } from "../support/postgres.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "../support/store-subjects.js";

const RUNS = isFull ? 1000 : 60;
const SERVICES = 4;
/** The minimum number of processes to kill. */
const KILLS = isFull ? 40 : 8;

const open = useScenes();

async function survives(subject: OpenSubject): Promise<void> {
  const settings = { maxRecoveries: 1_000_000, lease: 5000 };
  const scene = await open(subject, Array(SERVICES).fill(settings));
  await scene.workUnderFire(RUNS, { kills: KILLS, services: SERVICES, settings });
  await scene.expectWhole(RUNS);
  expect(scene.fleet.errors).toBe("");
}

describe("Services that are killed all the time", () => {
  it("end each run once, repeat no completed call, and take each event once: SQLite", async () => {
    const subject = await sqliteSubject();
    await survives(subject);
    await subject.close();
  }, 600_000);
});

await withPostgres((server) => {
  describe("Services that are killed all the time", () => {
    it("end each run once, repeat no completed call, and take each event once: Postgres", async () => {
      await survives(await postgresSubject(server)());
    }, 600_000);
  });
});
