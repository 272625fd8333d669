import { afterEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, next, type CacheEntry, type CacheOptions, type CacheStore } from "dagwright";
import { meeting } from "../support/meeting.js";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Answers asynchronously, with the same objects it was given. */
function slowStore(): CacheStore {
  const entries = new Map<string, CacheEntry>();
  const later = <T>(answer: () => T) => new Promise<T>((resolve) => setImmediate(() => resolve(answer())));
  return {
    get: (key) => later(() => entries.get(key)),
    set: (key, entry) => later(() => void entries.set(key, entry)),
    delete: (key) => later(() => void entries.delete(key)),
    clear: () => later(() => entries.clear()),
  };
}

const stores: [string, () => CacheOptions][] = [
  ["memory", () => ({})],
  ["a Map", () => ({ store: new Map() as CacheStore })],
  ["an asynchronous store", () => ({ store: slowStore() })],
];

class Account {
  constructor(
    readonly owner: { name: string },
    readonly entries: Map<string, number[]>,
  ) {}
  total() {
    return Array.from(this.entries.values())
      .flat()
      .reduce((a: number, b: number) => a + b, 0);
  }
}

describe.each(stores)("A result cached in %s", (_, cacheOf) => {
  it("stays as it was computed, whatever nodes and callers do to their copies", async () => {
    const dag = new Dag("rates");
    const calls = vi.fn(() => ({ list: [3, 1, 2], bytes: Buffer.from("abc"), at: new Date(5) }));
    dag.cachedNode("rates", { ...cacheOf(), ttl: 60_000 }, async () => calls());
    dag.node("largest", { needs: ["rates"] }, ({ list, bytes, at }) => {
      at.setTime(9);
      bytes[0] = 0;
      return list.sort((a: number, b: number) => b - a).splice(0, 1)[0];
    });
    for (let i = 0; i < 3; i++) {
      const run = await dag.run({ mode: "async" });
      expect(run.value).toBe(3);
      (run.get("rates") as { list: number[] }).list.push(99);
    }
    expect((await dag.runUntil("rates")).get("rates")).toEqual({
      list: [3, 1, 2],
      bytes: Buffer.from("abc"),
      at: new Date(5),
    });
    expect(calls).toHaveBeenCalledTimes(1);
  });

  it("is copied for each run that waits for it", async () => {
    const dag = new Dag("counters");
    dag.cachedNode("counter", cacheOf(), async () => ({ n: 1 }));
    dag.node("next", { needs: ["counter"] }, (counter) => ++counter.n);
    const runs = await Promise.all([1, 2, 3, 4].map(() => dag.run({ mode: "async" })));
    expect(runs.map(({ value }) => value)).toEqual([2, 2, 2, 2]);
    expect((await dag.run({ mode: "async" })).value).toBe(2);
  });

  it("does not change with the object that the function returned", async () => {
    const dag = new Dag("rows");
    const rows: number[][] = [[1]];
    const calls = vi.fn(() => rows);
    dag.cachedNode("rows", cacheOf(), () => calls());
    await dag.run();
    rows[0].push(2);
    expect((await dag.run()).value).toEqual([[1]]);
    expect(calls).toHaveBeenCalledTimes(1);
  });

  it("keeps the classes of instances", async () => {
    const dag = new Dag("accounts");
    dag.cachedNode("account", cacheOf(), () => new Account({ name: "a" }, new Map([["x", [1, 2]]])));
    for (let i = 0; i < 3; i++) {
      const account = (await dag.run()).value as Account;
      expect([account instanceof Account, account.total(), account.owner.name]).toEqual([true, 3, "a"]);
      account.entries.clear();
      account.owner.name = "b";
    }
  });

  it("is shared as it is when `clone` is false", async () => {
    const dag = new Dag("clients");
    let made = 0;
    dag.cachedNode("client", { ...cacheOf(), clone: false }, async () => ({ n: ++made, send: () => "sent" }));
    const runs = await Promise.all([1, 2].map(() => dag.run({ mode: "async" })));
    runs.push(await dag.run());
    expect(new Set(runs.map(({ value }) => value)).size).toBe(1);
    expect(made).toBe(1);
  });

  it("is computed by each run when it can't be copied, with one warning", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const dag = new Dag("clients");
    const followers = meeting(3);
    let calls = 0;
    dag.cachedNode("client", cacheOf(), async () => {
      if (++calls > 1 && calls <= 4) await followers.attend();
      return { pool: [{ send: () => "sent" }] };
    });
    const runs = await Promise.all([1, 2, 3, 4].map(() => dag.run({ mode: "async" })));
    expect(new Set(runs.map(({ value }) => value)).size).toBe(4);
    // Followers compute concurrently, not one after another.
    expect(followers.seen.most).toBe(3);
    expect((await dag.run()).metrics.cache).toEqual({ hits: 0, misses: 1 });
    expect(warned.mock.calls.map(([message]) => message)).toEqual([
      `A result of node "client" is not cached, because it can't be copied: "pool[0].send" is function send. ` +
        'Return plain data, or let all runs share one value with "clone: false".',
    ]);
  });
});

describe("A cached value", () => {
  it("of a state is the transition, with a copy of its value", async () => {
    const fsm = new Fsm("f");
    let calls = 0;
    fsm.state("s", { initial: true, cache: {} }, () => next("t", { list: [++calls] }));
    fsm.state("t", { terminal: true }, (value: { list: number[] }) => value.list.pop());
    expect([(await fsm.run()).value, (await fsm.run()).value, (await fsm.run()).value]).toEqual([1, 1, 1]);
  });

  it("is not copied when its store serializes", async () => {
    const entries = new Map<string, CacheEntry>();
    const store: CacheStore = Object.assign(entries, { serializes: true });
    const dag = new Dag("d");
    const value = { send: () => "sent" };
    dag.cachedNode("a", { store }, () => value);
    await dag.run();
    expect([Array.from(entries.values())[0].value, (await dag.run()).value]).toEqual([value, value]);
    expect((await dag.run()).value).toBe(value);
  });

  it("that can't be copied is read from a serializing store by waiting runs", async () => {
    const store: CacheStore = Object.assign(new Map<string, CacheEntry>(), { serializes: true });
    const dag = new Dag("d");
    const fn = vi.fn(async () => ({ send: () => "sent" }));
    dag.cachedNode("a", { store }, () => fn());
    const runs = await Promise.all([1, 2, 3].map(() => dag.run({ mode: "async" })));
    expect(runs.map(({ value }) => (value as { send(): string }).send())).toEqual(["sent", "sent", "sent"]);
    expect(fn).toHaveBeenCalledTimes(1);
    expect(runs.map(({ metrics }) => metrics.cache.hits)).toEqual([0, 1, 1]);
  });

  it("from a store is a miss when it can't be copied", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const store = { ...slowStore(), get: () => ({ value: () => 1, storedAt: Date.now() }) };
    const dag = new Dag("d");
    dag.cachedNode("a", { store }, () => "computed");
    expect((await dag.run()).value).toBe("computed");
    expect(warned.mock.calls[0][0]).toMatch(/cache store of node "a" failed: it is function/u);
  });
});
