import { PgBoss } from "pg-boss";
import pg from "pg";
import { CONCURRENCY, type Contender, type Watch } from "./contender.js";

/** The shortest interval at which it looks for work that is due, in seconds. It is told of the rest. */
const INTERVAL = 0.5;

const QUEUE = "bench";

/** Jobs are fetched and completed together, as many as may be in flight. It records neither steps nor events. */
export async function pgBoss(url: string, watch: Watch): Promise<Contender> {
  const boss = new PgBoss({ connectionString: url, useListenNotify: true });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  const polling = { pollingIntervalSeconds: INTERVAL, notifyPollingIntervalSeconds: INTERVAL };
  let [submitted, before] = [0, 0];
  await boss.work<{ n: number }>(
    QUEUE,
    { batchSize: CONCURRENCY, burstWhenBatchFull: true, ...polling },
    async (jobs) => {
      for (const { data } of jobs) watch.begun(data.n);
      return jobs.map(({ data }) => data.n + 1);
    },
  );
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const completed = async () => {
    const { rows } = await admin.query<{ jobs: number; sum: number }>(
      `select count(*)::int as jobs, coalesce(sum((data->>'n')::int + 1), 0)::int as sum from pgboss.job where state = 'completed'`,
    );
    return rows[0];
  };
  return {
    name: "pg-boss",
    async submit(n, due) {
      submitted++;
      await boss.send(QUEUE, { n }, due === undefined ? {} : { startAfter: due });
    },
    async finish() {
      let { jobs, sum } = await completed();
      while (jobs < submitted) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        ({ jobs, sum } = await completed());
      }
      const result = sum - before;
      before = sum;
      return result;
    },
    async close() {
      await admin.end();
      await boss.stop({ graceful: false });
    },
  };
}
