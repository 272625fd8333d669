import { describe, expect, it } from "vitest";
import type { SqlStore } from "dagwright/store";
import type { ClaimableWorkflow, ClaimedRun } from "../../../lib/stores/queue/queue.js";
import { withPostgres } from "../../support/postgres.js";
import { order, served, submitted } from "../../support/queued.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "../../support/store-subjects.js";
import { sleep } from "../../support/waiting.js";

const RUNS = 40;
const RATE = { limit: 3, interval: 200 };
/** Long enough for a busy machine: who loses a run that it has reserved resumes it as anyone may, which no rate counts. */
const LEASE = 10_000;
/** Of two readings of the database's clock, in ms. */
const PRECISION = 1;

/** Random numbers from 0 to 1, the same each time. */
function randoms(seed: number): () => number {
  let state = seed;
  return () => ((state = (state * 1_103_515_245 + 12_345) % 2_147_483_648), state / 2_147_483_648);
}

function rates(name: string, connect: () => Promise<OpenSubject>, audit: readonly string[]): void {
  describe(`On ${name}, services that share a rate and a limit`, () => {
    it.each([1, 2])("keep both, whatever they give back and wherever they die (%i)", async (seed) => {
      const random = randoms(seed);
      const subject = await connect();
      await subject.reset();
      const submitting = subject.open();
      for (let i = 0; i < RUNS; i++) await submitting.queue.submit(submitted(`run ${i}`));
      for (const statement of audit) await subject.execute(statement);
      const workflows: ClaimableWorkflow[] = [{ ...served, rate: RATE, maxRunning: 4 }];
      const isLeft = async () => (await subject.count("runs where status <> 'completed'")) > 0;
      let most = 0;

      const begin = async (store: SqlStore, run: ClaimedRun) => {
        await sleep(random() * 100);
        // It may have been lost.
        await order()
          .resume(run.runId, { store })
          .catch(() => {});
      };
      /** Claims, and begins, gives back or keeps what it has claimed, until it closes or dies. */
      const serve = async () => {
        const store = subject.open({ lease: LEASE });
        for (let looks = 0; looks < 5; looks++) {
          await store.queue.sweep([served], 99);
          const { runs } = await store.queue.claimNext({ workflows, limit: 1 + Math.floor(3 * random()) });
          most = Math.max(most, await subject.count("runs where owner not like 'gone%'"));
          const choice = random();
          if (choice < 0.2) await store.queue.release(runs);
          else if (choice < 0.9) await Promise.all(runs.map((run) => begin(store, run)));
          await sleep(random() * 40);
        }
        if (random() < 0.5) return store.close();
        // As when its process dies: what it has reserved stays reserved until the lease is over.
        await store.close();
        await subject.execute(
          `update runs set owner = 'gone/1/2-3/4', lease_expires_at = created_at where id in (
            select id from runs where status = 'queued' and owner is null limit 2)
            and status = 'queued' and owner is null`,
        );
      };
      const serveAll = async () => {
        while (await isLeft()) await serve();
      };
      await Promise.all([serveAll(), serveAll(), serveAll()]);

      const times = (await subject.rows("select started_at from audit order by started_at")) as {
        started_at: number;
      }[];
      expect(times).toHaveLength(RUNS);
      const windows = times.slice(RATE.limit).map(({ started_at }, i) => started_at - times[i].started_at);
      expect(Math.min(...windows)).toBeGreaterThan(RATE.interval - PRECISION);
      expect(most).toBeLessThanOrEqual(4);
      await submitting.close();
      await subject.close();
    });
  });
}

rates("SQLite", sqliteSubject, [
  "create table audit (started_at double precision)",
  "create trigger auditing after insert on starts begin insert into audit values (new.started_at); end",
]);

await withPostgres((server) =>
  rates("Postgres", postgresSubject(server), [
    "drop table if exists audit",
    "create table audit (started_at double precision)",
    `create function auditing() returns trigger language plpgsql as
      $$ begin insert into audit values (new.started_at); return null; end $$`,
    "create trigger auditing after insert on starts for each row execute function auditing()",
  ]),
);
