import type { ChildProcess } from "node:child_process";
import { describe, expect, it } from "vitest";
import { isFull } from "../support/chaos.js";
import { useScenes, type ChaosScene } from "../support/chaos-scene.js";
import type { ChaosSettings } from "../support/chaos-service.js";
import { execute, withPostgres } from "../support/postgres.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "../support/store-subjects.js";
import { sleep, until } from "../support/waiting.js";

const RUNS = isFull ? 300 : 40;
const LIMIT = 300_000;
/** How long another connection locks a SQLite file, in ms. */
const LOCKED = isFull ? 30_000 : 10_000;

const open = useScenes();

/** What happens until all runs have ended, over and over. */
async function during(scene: ChaosScene, runs: number, happening: () => Promise<void>): Promise<void> {
  let isOver = false;
  const happenings = (async () => {
    while (!isOver) await happening();
  })();
  await scene.work(runs);
  await scene.ended(runs);
  isOver = true;
  await happenings;
}

function faults(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Services on ${name}`, () => {
    const start = async (...services: ChaosSettings[]) => open(await connect(), services);

    it(
      "that start in the same instant, on a new database, share what there is to do",
      async () => {
        const scene = await start({}, {}, {}, {});
        await scene.work(RUNS);
        await scene.ended(RUNS);
        await scene.expectWhole(RUNS);
        expect(scene.fleet.errors).toBe("");
      },
      LIMIT,
    );

    it(
      "that stop while runs are driven repeat only the calls that they interrupt",
      async () => {
        const scene = await start({}, { grace: 30_000 }, {});
        const { fleet } = scene;
        const codes: number[] = [];
        await during(scene, RUNS, async () => {
          const [oldest] = fleet.processes;
          const isPatient = codes.length % 2 === 0;
          await fleet.start(isPatient ? { grace: 30_000 } : {});
          codes.push(await fleet.stop(oldest));
          await sleep(100);
        });
        // A function that ignores its signal goes on while its run is driven elsewhere.
        await scene.expectWhole(RUNS, { mayBeBeside: true });
        expect(codes.filter((code) => code !== 0)).toEqual([]);
        expect(fleet.errors).toBe("");
      },
      LIMIT,
    );

    it(
      "that stand still for three leases lose their runs, and write nothing into them afterwards",
      async () => {
        const settings = { lease: 600, concurrency: 5, slowest: 300 };
        const scene = await start(settings, settings);
        const stop = async (child: ChildProcess) => {
          child.kill("SIGSTOP");
          await sleep(3 * settings.lease);
          child.kill("SIGCONT");
        };
        await during(scene, RUNS, async () => {
          for (const child of scene.fleet.processes) {
            await stop(child);
            await sleep(500);
          }
        });
        await scene.expectWhole(RUNS, { mayBeBeside: true });
      },
      LIMIT,
    );
  });
}

faults("SQLite", sqliteSubject);

describe("Services on SQLite", () => {
  it(
    "go on when another connection has locked the file for long",
    async () => {
      const subject = await sqliteSubject();
      const scene = await open(subject, [{}, {}]);
      await scene.work(RUNS);
      const unlock = await subject.lock();
      const ended = await scene.countEnded();
      expect(ended).toBeLessThan(RUNS);
      await sleep(LOCKED);
      await unlock();
      await scene.ended(RUNS);
      // The leases expire meanwhile.
      await scene.expectWhole(RUNS, { mayBeBeside: true });
      await subject.close();
    },
    LIMIT,
  );
});

await withPostgres((server) => {
  faults("Postgres", postgresSubject(server));

  describe("Services on Postgres", () => {
    it(
      "go on when their connections are cut all the time",
      async () => {
        const scene = await open(await postgresSubject(server)(), [{}, {}]);
        let cuts = 0;
        const cut = async () => {
          // Some are those of the spec's own client.
          const [{ n }] = await execute(
            server.url,
            `select count(pg_terminate_backend(pid))::int as n from (select pid from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() order by random() limit 3) as connections`,
          );
          cuts += n;
          await sleep(1000);
        };
        await during(scene, RUNS, cut);
        await until(() => cuts > 0);
        await scene.expectWhole(RUNS);
      },
      LIMIT,
    );
  });
});
