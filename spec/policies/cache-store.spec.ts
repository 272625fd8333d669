import { describe, expect, it, vi } from "vitest";
import { Dag, type CacheEntry, type CacheStore } from "dagwright";
import { cached } from "../support/cached.js";
import { outcome, pass, rejection, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

describe("A custom cache store", () => {
  /** Answers after 5 ms, as a database would. */
  function slowStore() {
    const entries = new Map<string, CacheEntry>();
    const later = <T>(answer: () => T) => sleep(5).then(answer);
    const store: CacheStore = {
      get: (key) => later(() => entries.get(key)),
      set: (key, entry) => later(() => void entries.set(key, entry)),
      delete: (key) => later(() => void entries.delete(key)),
      clear: (prefix) =>
        later(() => {
          for (const key of entries.keys()) if (key.startsWith(prefix)) entries.delete(key);
        }),
    };
    return { store, entries };
  }

  it("is shared by all nodes that name it, each under its own keys", async () => {
    const { store, entries } = slowStore();
    const first = cached({ store, ttl: 60_000 });
    expect([await first.ask(1), await first.ask(1)]).toEqual(["call 1", "call 1"]);
    const again = cached({ store, ttl: 60_000 });
    expect([await again.ask(1), again.calls.length]).toEqual(["call 1", 0]);
    expect(Array.from(entries.keys())).toEqual([expect.stringContaining('["cached","a"]')]);
    const [entry] = entries.values();
    expect(entry).toEqual({ value: "call 1", storedAt: expect.any(Number), expiresAt: entry.storedAt + 60_000 });
    const other = new Dag("other");
    other.cachedNode("a", { store }, (x: number) => x);
    expect((await outcome(other.run({ inputs: { x: 1 } }))).value).toBe(1);
    await outcome(other.invalidateCache());
    expect(entries.size).toBe(1);
    await outcome(again.dag.invalidateCache("a", { x: 1 }));
    expect(entries.size).toBe(0);
  });

  it("expires entries by the shorter ttl of the nodes that share it", async () => {
    const { store } = slowStore();
    const [long, short] = [cached({ store, ttl: 60_000 }), cached({ store, ttl: 1000 })];
    await long.ask(1);
    await pass(1000);
    short.behave.fails = true;
    expect((await rejection(short.dag.run({ inputs: { x: 1 } }))).message).toContain("no");
    short.behave.fails = false;
    await short.ask(2);
    await pass(1000);
    await long.ask(2);
    expect(long.calls.length).toBe(2);
  });

  it("is asked once by concurrent lookups", async () => {
    const { store } = slowStore();
    const get = vi.spyOn(store, "get");
    const first = cached({ store }, 20);
    const again = cached({ store }, 20);
    for (const { dag } of [first, again]) {
      const results = await outcome(Promise.all(Array.from({ length: 50 }, () => dag.run({ inputs: { x: 1 } }))));
      expect(new Set(results.map(({ value }) => value))).toEqual(new Set(["call 1"]));
    }
    expect([first.calls.length, again.calls.length, get.mock.calls.length]).toEqual([1, 0, 2]);
  });

  it("counts as a miss when it fails, with a warning, or returns invalid entries", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const broken: CacheStore = {
      get: () => Promise.reject(new Error("disk on fire")),
      set: () => {
        throw new Error("disk full");
      },
      delete: () => {},
      clear: () => {},
    };
    const { ask } = cached({ store: broken });
    expect([await ask(1), await ask(1)]).toEqual(["call 1", "call 2"]);
    expect(warned.mock.calls[0][0]).toMatch(
      /cache store of node "a" failed: disk on fire. The run goes on without it/u,
    );
    expect(warned.mock.calls[1][0]).toMatch(/disk full/u);
    for (const corrupt of ["text", 5, null, {}, { value: 1 }, { value: 1, storedAt: "x" }]) {
      const { ask: other } = cached({ store: { ...broken, get: () => corrupt, set: () => {} } });
      expect(await other(1)).toBe("call 1");
    }
    const { dag, behave } = cached({ store: { ...broken, get: () => ({ value: 1, storedAt: "x" }), set: () => {} } });
    behave.fails = true;
    expect((await rejection(dag.run({ inputs: { x: 1 } }))).message).toContain("no");
  });

  it("rejects invalidateCache when it can't clear its entries", async () => {
    const store = { ...slowStore().store, clear: () => Promise.reject(new Error("locked")) };
    const { dag } = cached({ store });
    dag.node("plain", () => 1);
    for (const name of ["a", undefined]) await expect(dag.invalidateCache(name)).rejects.toThrow("locked");
  });

  it("can be synchronous, such as a Map", async () => {
    const store = new Map<string, unknown>();
    const dag = new Dag("d");
    let calls = 0;
    dag.cachedNode("a", { store: store as CacheStore }, () => ++calls);
    expect([dag.runSync().value, dag.runSync().value]).toEqual([1, 1]);
    await dag.invalidateCache("a");
    expect([dag.runSync().value, store.size]).toEqual([2, 1]);
  });

  it("can't be used by runSync when it is asynchronous", () => {
    const { store } = slowStore();
    const dag = new Dag("d");
    dag.cachedNode("a", { store }, () => 1);
    expect(() => dag.runSync()).toThrow(/"a" .*promise, which runSync can't wait for/u);
  });

  it("that never answers is abandoned when the run ends", async () => {
    const { dag } = cached({ store: { get: () => new Promise(() => {}), set() {}, delete() {}, clear() {} } });
    await expect(outcome(dag.run({ timeout: 100, inputs: { x: 1 } }))).rejects.toThrow(/timeout of 100 ms/u);
  });
});
