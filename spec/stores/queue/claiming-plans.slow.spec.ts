import { afterAll, describe, expect, it } from "vitest";
import type { SqlStore } from "dagwright/store";
import { withPostgres } from "../../support/postgres.js";
import { served, submitted } from "../../support/queued.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "../../support/store-subjects.js";

const RUNS = 100_000;
/** As many as are claimed, and some more. */
const FEW = 300;
/** How many times as long as with a handful of runs. A scan of all of them takes a hundred times as long. */
const MAX_RATIO = 10;

interface Filling {
  /** A table with a column `n`, of the numbers from 1 to `count`. */
  readonly numbers: (count: number) => string;
  /** Counts what was inserted, so that the database knows which indexes are worth it. */
  readonly analyze?: (subject: OpenSubject) => Promise<unknown>;
}

function plans(name: string, connect: () => Promise<OpenSubject>, { numbers, analyze }: Filling): void {
  describe(`In ${name}, with ${RUNS} runs that are ready and as many that wait`, () => {
    let store: SqlStore;
    let subject: OpenSubject;
    afterAll(async () => {
      await store.close();
      await subject.close();
    });

    it(
      "claiming, promoting and looking after runs takes hardly longer than with a few",
      { timeout: 120_000 },
      async () => {
        subject = await connect();
        await subject.reset();
        store = subject.open();
        await store.queue.submit(submitted("first"));
        // Of copies of that row, one half is ready and the other waits; some have another priority.
        const columns =
          "workflow, kind, fingerprint, fit, is_child, inputs, fencing_token, is_fresh, created_at, updated_at";
        const fill = async (count: number) => {
          const copy = (prefix: string, values: string, of: string) =>
            subject.execute(`insert into runs (id, ${columns}, ${of})
            select '${prefix} of ${count} ' || n, ${columns}, ${values} from runs, ${numbers(count)} where id = 'first'`);
          await copy("ready", "'queued', n % 3 * 10, created_at + n, null", "status, priority, ready_at, due_at");
          await copy("later", "'waiting', 50, null, created_at + 1e9 + n", "status, priority, ready_at, due_at");
          await analyze?.(subject);
        };
        const claim = () => store.queue.claimNext({ workflows: [served], limit: 10 });
        const works = [claim, () => store.queue.promoteDue(["order"]), () => store.queue.sweep([served], 1)];
        const times = async () => {
          const fastest: number[] = [];
          for (const work of works) fastest.push(await fastestOf(work));
          return fastest;
        };

        await fill(FEW);
        expect((await claim()).runs.slice(0, 2)).toMatchObject([{ runId: "first" }, { runId: `ready of ${FEW} 2` }]);
        const few = await times();
        await fill(RUNS);
        const many = await times();
        for (const [i, time] of many.entries()) expect(time / few[i]).toBeLessThan(MAX_RATIO);
      },
    );
  });
}

/** In ms, of twenty times: others disturb most of them. */
async function fastestOf(work: () => Promise<unknown>): Promise<number> {
  let fastest = Infinity;
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    await work();
    fastest = Math.min(fastest, performance.now() - start);
  }
  return fastest;
}

plans("SQLite", sqliteSubject, {
  numbers: (count) =>
    `(with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${count}) select n from numbers)`,
});
await withPostgres((server) =>
  plans("Postgres", postgresSubject(server), {
    numbers: (count) => `generate_series(1, ${count}) as numbers(n)`,
    // It does so itself, some time later.
    analyze: (subject) => subject.execute("analyze runs"),
  }),
);
