import pg from "pg";
import { afterAll, expect, it } from "vitest";
import { Dag } from "dagwright";
import { remoteCrowdContract } from "../contracts/remote-crowd.contract.js";
import { withPostgres } from "../support/postgres.js";
import { placedOn } from "../support/placed.js";
import { closeRemotes, queueName, useRemote, useWorker } from "../support/remoted.js";

await withPostgres(({ url }) => {
  const pool = new pg.Pool({ connectionString: url, max: 3, options: "-c search_path=bullmq" });
  afterAll(() => pool.end());
  closeRemotes();
  remoteCrowdContract("Postgres", { connection: url }, 500);

  it("A thousand remote nodes do not queue up for the connections of a pool", async () => {
    const queue = queueName();
    const dag = new Dag<any>("many");
    dag.node("list", { backend: "inline" }, () => Array.from({ length: 1000 }, (_, i) => i));
    dag.map("each", { needs: ["list"] }, (i: number) => i);
    const working = useWorker({ connection: url, queue, workflows: [dag], concurrency: 50 });
    await working.ready();
    let most = 0;
    const look = setInterval(() => (most = Math.max(most, pool.waitingCount)), 1);
    const backend = useRemote({ connection: pool, queue });
    const run = await placedOn(dag, () => backend).run({ mode: "hybrid" });
    clearInterval(look);
    expect(run.get("each")).toHaveLength(1000);
    expect(most).toBeLessThan(100);
  });
});
