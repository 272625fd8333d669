import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ThreadPool, type ExecutionError } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { ledger } from "../support/wide.js";

const pool = new ThreadPool({ maxWorkers: 2 });
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-threads-"));
});
afterAll(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});

describe("A recorded run on threads", () => {
  it("can be resumed after a failure, and computes only what is missing", async () => {
    const log = join(folder, "calls");
    const store = sqliteStore(join(folder, "runs.sqlite"));
    const options = { mode: "parallel", pool, store } as const;
    const run = ledger.run({ ...options, runId: "r", inputs: { log, failing: [5] } });
    const error = await run.then(
      () => undefined,
      (thrown: ExecutionError) => thrown,
    );
    expect(error?.node).toBe("n5");
    const called = () => readFileSync(log, "utf8").trim().split("\n").map(Number);
    const before = called();
    const recorded = await store.getRun("r");
    expect(recorded?.status).toBe("failed");
    const done = Array.from(recorded?.nodes ?? []).flatMap(([name, { status }]) =>
      status === "completed" ? name : [],
    );
    expect(done.length).toBeGreaterThan(0);
    writeFileSync(`${log}.mended`, "");
    const resumed = await ledger.resume("r", options);
    expect(resumed.status).toBe("completed");
    expect(Object.values(resumed.results)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(resumed.nodes.get("n5")).toMatchObject({ backend: "thread", attempts: 2 });
    const after = called().slice(before.length);
    for (const name of done) expect(after).not.toContain(Number(name.slice(1)));
    expect(new Set(after).size).toBe(after.length);
    await store.close();
  });
});
