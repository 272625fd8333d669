import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { faulty } from "../support/sqlite.js";

describe("Resuming a run", () => {
  it("reads the runs inside together, in few statements", { tags: "slow" }, async () => {
    const path = join(mkdtempSync(join(tmpdir(), "dagwright-")), "runs.db");
    const size = 1000;
    const long = "x".repeat(20_000);
    const inner = new Dag<any>("inner");
    inner.node("text", (n: number) => (n % 100 === 0 ? `${long}${n}` : `${n}`));
    inner.node("length", { needs: ["text"] }, (text: string) => text.length);
    const dag = new Dag<any>("outer");
    dag.node("list", () => Array.from({ length: size }, (_, n) => n));
    dag.map("each", { needs: ["list"] }, inner);
    dag.node("sum", { needs: ["each"] }, (each: number[]) => each.length);
    const first = sqliteStore(path);
    await dag.run({ store: first, runId: "r", mode: "async" });
    await first.close();
    const { database, statements } = faulty(path, Infinity);
    const store = sqliteStore(database);
    const run = await dag.resume("r", { store });
    const reads = statements.filter((sql) => sql.startsWith("select"));
    expect(reads.length).toBeLessThan(20);
    expect(run.get("each[999].length")).toBe(3);
    expect(run.get("each[900].text")).toBe(`${long}900`);
    await store.close();
  });
});
