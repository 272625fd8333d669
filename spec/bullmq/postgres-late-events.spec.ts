import pg from "pg";
import { afterAll, expect, it } from "vitest";
import { Dag } from "dagwright";
import { withPostgres } from "../support/postgres.js";
import { closeRemotes, queueName, useRemote } from "../support/remoted.js";
import { until } from "../support/waiting.js";

/** So long that no job is asked for: what is not heard hangs. */
const LEASE = 600_000;

await withPostgres(({ url }) => {
  const pool = new pg.Pool({ connectionString: url, max: 3, options: "-c search_path=bullmq" });
  afterAll(() => pool.end());
  closeRemotes();

  it("A remote node hears of its result when that is committed after a later event", async () => {
    const queue = queueName();
    const backend = useRemote({ connection: url, queue, lease: LEASE });
    const dag = new Dag("late");
    dag.node("refused", { backend }, () => 0);
    const heard: number[] = [];
    const running = dag.run({
      mode: "hybrid",
      observers: [(event) => void (event.type === "node.progress" && heard.push(event.fraction))],
    });
    let jobId: string | undefined;
    await until(async () => {
      const { rows: tables } = await pool.query<{ job: string | null }>("select to_regclass('bullmq.job') as job");
      if (tables[0].job === null) return false;
      const { rows } = await pool.query<{ id: string }>("select id from job where queue = $1", [queue]);
      jobId = rows[0]?.id;
      return jobId !== undefined;
    });

    const publish = "select publish_event($1, $2, $3)";
    const slow = await pool.connect();
    await slow.query("begin");
    const returnvalue = JSON.stringify(JSON.stringify({ refused: "it has come" }));
    await slow.query(publish, [queue, "completed", { jobId, returnvalue }]);
    await pool.query(publish, [queue, "progress", { jobId, data: JSON.stringify({ progress: [0.5] }) }]);
    await until(() => heard.length === 1);
    await slow.query("commit");
    slow.release();

    await expect(running).rejects.toThrow("it has come");
  });
});
