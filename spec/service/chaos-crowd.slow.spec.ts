import { once } from "node:events";
import type { ChildProcess } from "node:child_process";
import { describe, expect, it } from "vitest";
import { isFull } from "../support/chaos.js";
import { useScenes, type ChaosScene } from "../support/chaos-scene.js";
import { withPostgres } from "../support/postgres.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "../support/store-subjects.js";
import { sleep, until } from "../support/waiting.js";

/** How many runs wait. */
const CROWD = isFull ? 100_000 : 20_000;
const CLAIMS = 40;
/** In ms: how long a claim may take. */
const MAX_CLAIM = 5;
/** In bytes: what the heap of a service may grow by. */
const MAX_GROWTH = 4e6;

/** Multiplies a run that waits. Each is due at another time, all of them later. */
async function multiply({ subject }: ChaosScene, runId: string): Promise<void> {
  for (const [table, id] of [
    ["runs", "id"],
    ["waits", "run_id"],
    ["node_executions", "run_id"],
  ]) {
    const [row] = await subject.rows(`select * from ${table} limit 1`);
    if (row === undefined) continue;
    const columns = Object.keys(row);
    const values = columns.map((column) => {
      if (column === id) return "'crowd' || i";
      return column === "due_at" ? "due_at + 3600000.0 + i" : column;
    });
    const numbers = subject.address().startsWith("postgres:")
      ? `(select generate_series(1, ${CROWD}) as i)`
      : `(with recursive up(i) as (select 1 union all select i + 1 from up where i < ${CROWD}) select i from up)`;
    const copies = `select ${values.join()} from ${table}, ${numbers} as numbers where ${id} = '${runId}'`;
    await subject.execute(`insert into ${table} (${columns.join()}) ${copies}`);
  }
}

/** The heap that a process uses after it has collected its garbage, in bytes. */
async function heapOf(child: ChildProcess): Promise<number> {
  const answered = once(child, "message");
  child.send("heap");
  return (await answered)[0] as number;
}

/** The lower quartile: what the rest of the machine does makes times longer. */
const quartile = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 4)];

function crowd(name: string, connect: () => Promise<OpenSubject>): void {
  const open = useScenes();

  describe(`${CROWD} runs that wait, on ${name},`, () => {
    it("take no memory of a service, and no time of its claims", async () => {
      const scene = await open(await connect(), [{}]);
      const { client, workflows, fleet, ledger } = scene;
      const [first] = fleet.processes;
      const { runId } = await client.submit(workflows.patients, { runId: "first" });
      await until(async () => (await client.get(runId))?.status === "waiting");
      await scene.work(8);
      await scene.ended(8);
      const before = await heapOf(first);
      await fleet.stop(first);
      const empty = quartile(await scene.claimTimes(CLAIMS));
      await multiply(scene, runId);
      const claim = quartile(await scene.claimTimes(CLAIMS));
      const service = await fleet.start();
      expect((await client.list({ status: "waiting", limit: 1 })).runs).toHaveLength(1);
      await sleep(2000);
      for (let i = 0; i < CLAIMS; i++) {
        const run = await client.submit(workflows.quick);
        await until(() => ledger.lines().some((line) => line.runId === run.runId));
      }
      const growth = (await heapOf(service)) - before;
      // One of them is found as ever.
      await client.send("crowd7", "POKE");
      await until(() => ledger.lines().some((line) => line.runId === "crowd7" && line.call === "poked"));
      expect(fleet.errors).toBe("");
      expect(growth).toBeLessThan(MAX_GROWTH);
      expect(claim).toBeLessThan(Math.max(MAX_CLAIM, 2 * empty));
    }, 300_000);
  });
}

crowd("SQLite", sqliteSubject);
await withPostgres((server) => crowd("Postgres", postgresSubject(server)));
