import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SqliteDriver } from "kysely";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { faulty, openDatabase } from "../support/sqlite.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tsx = createRequire(import.meta.url).resolve("tsx/cli");

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-files-"));
  path = join(folder, "runs.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One node, `width` nodes that need it, and one that needs all of these. */
function wide(width: number): Dag<any> {
  const dag = new Dag<any>("wide");
  dag.node("first", () => 1);
  const names = Array.from({ length: width }, (_, i) => `n${i}`);
  for (const name of names) dag.node(name, { needs: ["first"] }, async (x: number) => x);
  dag.node("last", { needs: names, params: names }, (...all: number[]) => all.slice(0, width).length);
  return dag;
}

describe("A store in a SQLite file", () => {
  it("writes the completions of one turn of the event loop in one transaction", async () => {
    const { database, statements } = faulty(path, -1);
    const store = sqliteStore(database);
    await store.listRuns();
    for (const width of [1, 200]) {
      statements.length = 0;
      const run = await wide(width).run({ store, mode: "async" });
      expect(run.value).toBe(width);
      // The run; first's start; its end and their starts; their ends and last's start; its end, and the run's.
      expect(statements.filter((sql) => sql === "commit").length).toBeLessThanOrEqual(6);
    }
    await store.close();
  });

  it("syncs its write-ahead log at every commit, and allows concurrent readers", async () => {
    const written = openDatabase(path);
    written.prepare("pragma synchronous = off").run([]);
    const store = sqliteStore(written);
    const reader = openDatabase(path);
    const dag = new Dag("reading");
    let seen: unknown;
    dag.node("a", () => {
      seen = reader.prepare("select status from node_executions").all([]);
    });
    await dag.run({ store });
    expect(written.prepare("pragma synchronous").all([])).toEqual([{ synchronous: 2 }]);
    expect(seen).toEqual([{ status: "running" }]);
    expect(reader.prepare("pragma journal_mode").all([])).toEqual([{ journal_mode: "wal" }]);
    reader.close();
    await store.close();
  });

  it("waits for other writers without blocking the event loop", async () => {
    const store = sqliteStore(path);
    await store.listRuns();
    const other = openDatabase(path);
    other.prepare("begin immediate").run([]);
    let turns = 0;
    const timer = setInterval(() => {
      if (++turns === 20) other.prepare("commit").run([]);
    }, 5);
    expect((await wide(1).run({ store })).status).toBe("completed");
    clearInterval(timer);
    expect(turns).toBeGreaterThanOrEqual(20);
    other.close();
    await store.close();
  });

  it("remains usable after acquiring or releasing a connection failed", async () => {
    const store = sqliteStore(path);
    await store.listRuns();
    const release: any = Reflect.get(SqliteDriver.prototype, "releaseConnection");
    vi.spyOn(SqliteDriver.prototype, "acquireConnection").mockRejectedValueOnce(new Error("not had"));
    await expect(store.listRuns()).rejects.toThrow("not had");
    vi.spyOn(SqliteDriver.prototype, "releaseConnection").mockImplementationOnce(async function (this: SqliteDriver) {
      await release.call(this);
      throw new Error("not given back");
    });
    await expect(store.listRuns()).rejects.toThrow("not given back");
    expect((await store.listRuns()).runs).toEqual([]);
    await store.close();
  });

  it("leaves a single file when closed: a copy of it is complete", async () => {
    const store = sqliteStore(path);
    const { runId } = await wide(50).run({ store });
    await store.close();
    copyFileSync(path, `${path}.copy`);
    const copy = sqliteStore(`${path}.copy`);
    expect((await copy.getRun(runId))!.status).toBe("completed");
    await copy.close();
  });

  it(
    "writes transactions so small that the event loop turns between them, however many runs there are",
    { tags: "slow" },
    async () => {
      const { database, statements } = faulty(path, -1);
      const store = sqliteStore(database);
      const dag = new Dag<any>("small");
      dag.node("a", async () => 1);
      await Promise.all(Array.from({ length: 1500 }, () => dag.run({ store })));
      await wide(1500).run({ store, mode: "async" });
      let longest = 0;
      let length = 0;
      for (const sql of statements) {
        length = sql.startsWith("begin") ? 0 : length + Math.max(1, sql.split("), (").length);
        longest = Math.max(longest, length);
      }
      expect(longest).toBeLessThan(2000);
      expect((await store.stats("small")).runs.completed).toBe(1500);
      expect((await store.listRuns({ workflow: "wide" })).runs[0].status).toBe("completed");
      await store.close();
    },
  );

  it("leaves no timers behind after 50 runs", { tags: "slow" }, async () => {
    const store = sqliteStore(path, { lease: 50 });
    const spies = [vi.spyOn(globalThis, "setInterval"), vi.spyOn(globalThis, "setTimeout")];
    for (let i = 0; i < 50; i++) await wide(2).run({ store, mode: "async", durability: i % 2 ? "relaxed" : "strict" });
    const timers = spies.flatMap((spy) => spy.mock.results.map(({ value }) => value as { _destroyed: boolean }));
    vi.restoreAllMocks();
    expect(timers.length).toBeGreaterThanOrEqual(50);
    expect(timers.filter((timer) => !timer._destroyed)).toEqual([]);
    await store.close();
  });

  it("keeps no process alive, closed or not", { tags: "slow" }, () => {
    const code =
      `import { Dag } from "./lib/index.ts"; import { sqliteStore } from "./lib/store.ts"; const dag = new Dag("d");` +
      `dag.node("a", () => 1); const run = await dag.run({ store: sqliteStore(${JSON.stringify(path)}) }); console.log(run.status);`;
    const { stdout, status } = spawnSync(process.execPath, [tsx, "--input-type=module", "-e", code], {
      cwd: root,
      encoding: "utf8",
      timeout: 20_000,
    });
    expect([stdout, status]).toEqual(["completed\n", 0]);
  });
});
