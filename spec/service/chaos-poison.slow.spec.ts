import { describe, expect, it } from "vitest";
import { endsOf } from "../support/chaos.js";
import { useScenes, type ChaosScene } from "../support/chaos-scene.js";
import { withPostgres } from "../support/postgres.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "../support/store-subjects.js";
import { sleep } from "../support/waiting.js";

/** How often a run is taken up whose process died. */
const settings = { maxRecoveries: 3, lease: 600, pollInterval: 50, concurrency: 10 };

/** Starts the service again whenever a run has ended its process. Returns how often that was. */
async function restartedUntil(scene: ChaosScene, isOver: () => Promise<boolean>): Promise<number> {
  for (let restarts = 0; ; restarts++) {
    while (scene.fleet.processes.size > 0) {
      if (await isOver()) return restarts;
      await sleep(20);
    }
    await scene.fleet.start(settings).catch(() => {});
  }
}

function poison(name: string, connect: () => Promise<OpenSubject>): void {
  const open = useScenes();

  describe(`A run that ends its process each time, on ${name},`, () => {
    it("fails after so many drives, and spares the runs beside it", async () => {
      const scene = await open(await connect(), [settings]);
      const { client, workflows, subject } = scene;
      // Each of them takes longer than the process lives that drives it beside the poisoned run.
      const innocent = await Promise.all([1, 2, 3].map((i) => client.submit(workflows.slow, { runId: `slow${i}` })));
      const poisoned = await client.submit(workflows.poisoned);
      const error = poisoned.result().catch((cause: unknown) => cause);
      const restarts = await restartedUntil(scene, async () => (await endsOf(subject)).size === 4);
      expect(restarts).toBeGreaterThanOrEqual(settings.maxRecoveries);
      expect(await error).toMatchObject({ name: "StoreError", code: "POISONED" });
      expect(scene.ledger.lines().filter(({ call, what }) => call === "poison" && what === "call")).toHaveLength(
        settings.maxRecoveries + 1,
      );
      for (const run of innocent) expect((await run.result()).status).toBe("completed");
    }, 120_000);
  });
}

poison("SQLite", sqliteSubject);
await withPostgres((server) => poison("Postgres", postgresSubject(server)));
