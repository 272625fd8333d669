import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, StoreError } from "dagwright";
import { sqliteStore, type SqlStore } from "dagwright/store";
import { libsql, openDatabase } from "../support/sqlite.js";

let folder: string;
let open: SqlStore[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-"));
  open = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(open.map((store) => store.close()));
  rmSync(folder, { recursive: true, force: true });
});

function storeAt(file = "store.db", options = {}): SqlStore {
  const store = sqliteStore(join(folder, file), options);
  open.push(store);
  return store;
}

const aside = () => openDatabase(join(folder, "store.db"));

/** A dag with one node, which is cached in a store and counts its calls. */
function cachedIn(store: SqlStore, options = {}) {
  const dag = new Dag("rates");
  const calls: unknown[] = [];
  dag.cachedNode("rate", { store: store.cache, ...options }, (currency: unknown) => {
    calls.push(currency);
    return { currency, at: new Date(calls.length), all: new Map([["EUR", 1n]]) };
  });
  return { dag, calls, ask: async (currency: unknown) => (await dag.run({ inputs: { currency } })).value };
}

describe("Results cached in SQLite", () => {
  it("survive a restart", async () => {
    const before = cachedIn(storeAt());
    const first = await before.ask("USD");
    await open[0].close();
    const after = cachedIn(storeAt());
    expect(await after.ask("USD")).toStrictEqual(first);
    expect(after.dag.lastRun?.nodes.get("rate")?.cached).toBe(true);
    expect(after.calls).toEqual([]);
    await after.ask("JPY");
    expect(after.calls).toEqual(["JPY"]);
  });

  it("expire, and can be invalidated", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { ask, calls, dag } = cachedIn(storeAt(), { ttl: 1000 });
    await ask("USD");
    await ask("JPY");
    vi.setSystemTime(Date.now() + 500);
    await dag.invalidateCache("rate", { currency: "USD" });
    await ask("USD");
    await ask("JPY");
    expect(calls).toEqual(["USD", "JPY", "USD"]);
    vi.setSystemTime(Date.now() + 600);
    await ask("JPY");
    expect(calls.length).toBe(4);
    await dag.invalidateCache();
    await ask("JPY");
    expect(calls.length).toBe(5);
    const rows = aside().prepare("select count(*) as n from cache_entries").all([]) as { n: number }[];
    expect(rows[0].n).toBe(1);
    vi.useRealTimers();
  });

  it("are separate by node, and so is their invalidation", async () => {
    const store = storeAt();
    const [a, b] = [cachedIn(store), new Dag("rates%")];
    let calls = 0;
    b.cachedNode("rate", { store: store.cache }, (currency: unknown) => [currency, ++calls]);
    await a.ask("USD");
    await b.run({ inputs: { currency: "USD" } });
    await a.dag.invalidateCache();
    expect((await b.run({ inputs: { currency: "USD" } })).value).toEqual(["USD", 1]);
    await a.ask("USD");
    expect(a.calls.length).toBe(2);
  });

  it("that are corrupt are misses, and are overwritten", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const { ask, calls } = cachedIn(storeAt());
    await ask("USD");
    const database = aside();
    database.prepare("update cache_entries set value = '[[1'").run([]);
    await ask("USD");
    expect(calls.length).toBe(2);
    expect(warned.mock.calls[0][0]).toMatch(/cache store of node "rate" failed.*A stored value can't be read/u);
    await ask("USD");
    expect(calls.length).toBe(2);
    database.close();
  });

  it("that can't be stored cause a warning, and the node completes", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const dag = new Dag("d");
    dag.cachedNode("a", { store: storeAt().cache }, () => ({ rows: [{ fn: () => 1 }] }));
    expect((await dag.run()).status).toBe("completed");
    expect(warned.mock.calls[0][0]).toMatch(/"rows\[0\].fn" of the value can't be stored/u);
  });

  it("are shared by stores of one file, opened at the same time", async () => {
    const dags = Array.from({ length: 8 }, () => cachedIn(storeAt()));
    await Promise.all(dags.map(({ ask }, i) => ask(i)));
    for (const { ask } of dags) await Promise.all(dags.map((_, i) => ask(i)));
    expect(dags.map(({ calls }) => calls)).toEqual(dags.map((_, i) => [i]));
  });
});

describe("A SQLite store", () => {
  it("accepts an open database, and one in memory", async () => {
    for (const database of [libsql(join(folder, "own.db")), ":memory:"]) {
      const store = sqliteStore(database);
      open.push(store);
      const { ask, calls } = cachedIn(store);
      await ask(1);
      await ask(1);
      expect(calls.length).toBe(1);
    }
  });

  it("creates its tables once, and rejects those of a newer version", async () => {
    await cachedIn(storeAt()).ask(1);
    aside().prepare("update dagwright_schema set version = 99").run([]);
    await expect(storeAt().cache.get("k")).rejects.toThrow(StoreError);
    await expect(storeAt().cache.get("k")).rejects.toMatchObject({ code: "SCHEMA" });
    await expect(storeAt().cache.get("k")).rejects.toThrow(
      /schema version 99, but this version of dagwright supports 7/u,
    );
  });

  it("reports why it can't be opened on first use, and tries again on the next", async () => {
    const missing = sqliteStore(join(folder, "no/such/folder/store.db"));
    await expect(missing.cache.get("k")).rejects.toThrow(/no\/such\/folder\/store.db" can't be opened/u);
    writeFileSync(join(folder, "text.db"), "this is no database, but long enough to be taken for one".repeat(50));
    const text = storeAt("text.db");
    await expect(text.cache.get("k")).rejects.toThrow(StoreError);
    rmSync(join(folder, "text.db"));
    expect(await text.cache.get("k")).toBeUndefined();
  });

  it("can be closed repeatedly, even if it was never opened, and rejects later operations", async () => {
    const store = storeAt();
    await store.close();
    await store.close();
    await expect(store.cache.get("k")).rejects.toThrow(/store is closed/u);
    const used = storeAt();
    await used.cache.get("k");
    await used[Symbol.asyncDispose]();
    await expect(used.cache.get("k")).rejects.toThrow(/store is closed/u);
  });

  it.each([
    [5, {}, /"database" must be a string; received 5/u],
    ["x.db", { type: 1 }, /Unknown option "type" of a store.*Did you mean "types"/u],
  ])("rejects %o with %o", (database, options, message) => {
    expect(() => sqliteStore(database as never, options as never)).toThrow(message);
  });
});
