import { describe, expect, it, vi } from "vitest";
import {
  cachedNode,
  Dag,
  ExecutionError,
  Fsm,
  next,
  node,
  ValidationError,
  type CacheStore,
  type Context,
} from "dagwright";
import { cached } from "../support/cached.js";
import { outcome, pass, rejection, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

describe("A cached node", () => {
  it("is called once for equal inputs, in any order of keys", async () => {
    const { dag, calls, ask } = cached();
    expect(await ask({ a: 1, b: [2] })).toBe("call 1");
    expect(await ask({ b: [2], a: 1 })).toBe("call 1");
    expect(await ask({ a: 1, b: [3] })).toBe("call 2");
    expect(await ask(0)).toBe("call 3");
    expect(await ask(-0)).toBe("call 4");
    expect(calls.length).toBe(4);
    expect(dag.lastRun?.nodes.get("a")).toMatchObject({ cached: false, attempts: 1 });
    await ask(0);
    expect(dag.lastRun?.nodes.get("a")).toMatchObject({ cached: true, attempts: 0, status: "completed" });
  });

  it.each([[undefined], [null], [false], [0], [""]])("caches the result %j", async (value) => {
    const dag = new Dag("d");
    const fn = vi.fn(() => value);
    dag.cachedNode("a", {}, () => fn());
    for (let i = 0; i < 3; i++) expect((await dag.run()).get("a")).toBe(value);
    expect(fn).toHaveBeenCalledTimes(1);
    expect(dag.runSync().get("a")).toBe(value);
    expect(fn).toHaveBeenCalledTimes(1);
  });

  it("is called again after ttl", async () => {
    const { ask } = cached({ ttl: 1000 });
    await ask(1);
    await pass(999);
    expect(await ask(1)).toBe("call 1");
    await pass(1);
    expect(await ask(1)).toBe("call 2");
  });

  it("evicts the least recently used result beyond maxEntries", async () => {
    const { ask, calls } = cached({ maxEntries: 2 });
    await ask(1);
    await ask(2);
    await ask(1);
    await ask(3);
    await ask(1);
    expect(calls.length).toBe(3);
    await ask(2);
    expect(calls.length).toBe(4);
  });

  it("caches no failures", async () => {
    const { behave, ask, dag } = cached();
    behave.fails = true;
    await rejection(dag.run({ inputs: { x: 1 } }));
    behave.fails = false;
    expect(await ask(1)).toBe("call 2");
    expect(await ask(1)).toBe("call 2");
  });

  it("compares only the parameters that `key` names, or what it returns", async () => {
    const named = cached({ key: ["x"] });
    expect([await named.ask(1, 2), await named.ask(1, 3), await named.ask(2, 3)]).toEqual([
      "call 1",
      "call 1",
      "call 2",
    ]);
    const single = cached({ key: "y" });
    expect([await single.ask(1, 2), await single.ask(9, 2)]).toEqual(["call 1", "call 1"]);
    const computed = cached({ key: ({ x }) => (x as string).toLowerCase() });
    expect([await computed.ask("A"), await computed.ask("a"), await computed.ask("b")]).toEqual([
      "call 1",
      "call 1",
      "call 2",
    ]);
  });

  it("does not use stored results of another version", async () => {
    const store: CacheStore = new Map();
    expect(await cached({ store, version: 1 }).ask(1)).toBe("call 1");
    const second = cached({ store, version: 2 });
    await second.ask(0);
    expect(await second.ask(1)).toBe("call 2");
    expect(await cached({ store, version: 1 }).ask(1)).toBe("call 1");
  });

  it("refuses inputs that can't be compared, saying which and what to do", async () => {
    const { dag, ask } = cached();
    const error = await rejection(dag.run({ inputs: { x: { f: () => 1 } } }));
    expect(error).toBeInstanceOf(ExecutionError);
    expect(error.message).toBe(
      `Node "a" is cached, but its inputs can't be compared: "x.f" is function f, which has no value to compare. ` +
        `Pass plain data, select inputs with the cache's "key", or list classes whose toJSON is complete in its "json".`,
    );
    expect(error.attempt).toBe(0);
    const keyed = cached({ key: ["y"] });
    expect(await keyed.ask(() => 1, 2)).toBe("call 1");
    const computed = cached({ key: ({ x }) => [x] });
    expect((await rejection(computed.dag.run({ inputs: { x: Symbol("s") } }))).message).toContain('"[0]" is Symbol(s)');
    const forgetting = () => dag.invalidateCache("a", { x: { f: () => 1 } });
    expect(forgetting).toThrow(ValidationError);
    expect(forgetting).toThrow(
      /No result of "a" is cached for these inputs, because they can't be compared: "x.f" is function f/u,
    );
    void ask;
  });

  it("distinguishes inputs that differ in subtle ways, or refuses them", async () => {
    class Money {
      currency = "EUR";
      #amount: number;
      constructor(amount: number) {
        this.#amount = amount;
      }
      toJSON() {
        return { currency: this.currency, amount: this.#amount };
      }
    }
    class Tagged extends Map<string, number> {
      constructor(readonly tag: string) {
        super();
      }
    }
    const { ask, dag, calls } = cached();
    const inputs = [
      new Tagged("a"),
      new Tagged("b"),
      "xb".match(/b/u),
      "xxb".match(/b/u),
      "\ud800",
      "\ud801",
      Object.assign(new Array(2), { 1: "x" }),
      [undefined, "x"],
    ];
    for (const [i, x] of inputs.entries()) expect(await ask(x)).toBe(`call ${i + 1}`);
    for (const [i, x] of inputs.entries()) expect(await ask(x)).toBe(`call ${i + 1}`);
    const error = await rejection(dag.run({ inputs: { x: { price: new Money(1) } } }));
    expect(error.message).toContain('"x.price" is an instance of Money, which has private members.');
    expect(calls.length).toBe(inputs.length);
    const told = cached({ json: [Money] });
    expect([await told.ask(new Money(1)), await told.ask(new Money(2)), await told.ask(new Money(1))]).toEqual([
      "call 1",
      "call 2",
      "call 1",
    ]);
  });

  it("distinguishes long inputs that differ only at the end, with short keys", async () => {
    const store = new Map<string, unknown>();
    const { ask } = cached({ store: store as CacheStore });
    const long = "x".repeat(10_000);
    const values = [await ask(`${long}1`), await ask(`${long}2`), await ask(`${long}1`)];
    expect(values).toEqual(["call 1", "call 2", "call 1"]);
    for (const key of store.keys()) expect(key.length).toBeLessThan(1000);
  });

  it("refuses an asynchronous key", async () => {
    for (const key of [async () => 1, () => Promise.reject(new Error("no"))]) {
      const error = await rejection(cached({ key }).dag.run({ inputs: { x: 1 } }));
      expect(error.message).toContain('"cache.key" returned a promise. Return the key itself');
    }
  });

  it("computes once for 100 concurrent misses, which all get the result", async () => {
    const { dag, calls } = cached({}, 50);
    const runs = Array.from({ length: 100 }, () => dag.run({ inputs: { x: 1 } }));
    const results = await outcome(Promise.all(runs));
    expect(calls.length).toBe(1);
    expect(new Set(results.map(({ value }) => value))).toEqual(new Set(["call 1"]));
    const uses = results.map(({ metrics }) => metrics.cache);
    expect(uses.filter(({ misses }) => misses === 1).length).toBe(1);
    expect(uses.filter(({ hits }) => hits === 1).length).toBe(99);
  });

  it("fails for all waiting runs, and for no later ones", async () => {
    const { dag, behave, calls, ask } = cached({}, 50);
    behave.fails = true;
    const runs = [1, 2, 3].map(() => dag.run({ inputs: { x: 1 } }).catch((error: unknown) => error));
    for (const error of await outcome(Promise.all(runs))) expect((error as Error).message).toContain("no");
    expect(calls.length).toBe(1);
    behave.fails = false;
    expect(await ask(1)).toBe("call 2");
  });

  it("is computed by the next waiting run when the first is cancelled", async () => {
    const { dag, calls } = cached({}, 50);
    const first = dag.start({ inputs: { x: 1 } });
    await pass(1);
    const others = [dag.run({ inputs: { x: 1 } }), dag.run({ inputs: { x: 1 } })];
    await pass(10);
    first.result.catch(() => {});
    await first.cancel();
    const results = await outcome(Promise.all(others));
    expect(results.map(({ value }) => value)).toEqual(["call 2", "call 2"]);
    expect(calls.length).toBe(2);
  });

  it("lets a waiting run be cancelled on its own", async () => {
    const { dag, calls } = cached({}, 50);
    const first = dag.run({ inputs: { x: 1 } });
    const second = dag.start({ inputs: { x: 1 } });
    await pass(10);
    second.result.catch(() => {});
    expect((await second.cancel()).status).toBe("cancelled");
    expect((await outcome(first)).value).toBe("call 1");
    expect(calls.length).toBe(1);
  });

  it("is refreshed in the background between staleAfter and ttl, with linearly rising probability", async () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
    const { dag, ask, calls } = cached({ staleAfter: 1000, ttl: 2000 }, 10);
    const soon = async () => (await dag.run({ inputs: { x: 1 } })).value;
    await ask(1);
    const stored = Date.now();
    await pass(1000 - (Date.now() - stored));
    expect(await soon()).toBe("call 1");
    await pass(500);
    expect([await soon(), calls.length]).toEqual(["call 1", 1]);
    await pass(10);
    expect([await soon(), await soon(), await soon()]).toEqual(["call 1", "call 1", "call 1"]);
    await pass(20);
    expect(calls.length).toBe(2);
    expect(await soon()).toBe("call 2");
    random.mockReturnValue(0.001);
    await pass(900);
    expect(await soon()).toBe("call 2");
    expect(calls.length).toBe(2);
  });

  it("keeps the old result when the refresh fails, and refreshes after the run has ended", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const { dag, ask, calls, behave } = cached({ staleAfter: 100, ttl: 1000 }, 10);
    await ask(1);
    await pass(200);
    behave.fails = true;
    const run = await dag.run({ inputs: { x: 1 } });
    expect([run.value, run.nodes.get("a")?.cached]).toEqual(["call 1", true]);
    await pass(200);
    expect(calls.length).toBe(2);
    behave.fails = false;
    expect((await dag.run({ inputs: { x: 1 } })).value).toBe("call 1");
    await pass(50);
    expect((await dag.run({ inputs: { x: 1 } })).value).toBe("call 3");
  });

  it("is refreshed with the run's inputs, hooks and context", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const dag = new Dag("d");
    const seen: unknown[] = [];
    let n = 0;
    const hooks = { preExecute: (_: unknown, inputs: Record<string, unknown>) => ({ x: (inputs.x as number) + 1 }) };
    dag.node("source", () => ++n * 10);
    dag.cachedNode(
      "a",
      { needs: ["source"], key: () => "one", staleAfter: 10, ttl: 1000, hooks },
      (x: number, ctx: Context) => {
        seen.push([x, ctx.nodeName, ctx.attempt, ctx.signal.aborted]);
        return x;
      },
    );
    await dag.run({ retain: "outputs" });
    await pass(20);
    expect((await dag.run({ retain: "outputs" })).value).toBe(11);
    await pass(1);
    expect(seen).toEqual([
      [11, "a", 1, false],
      [21, "a", 1, false],
    ]);
    expect((await dag.run()).value).toBe(21);
  });

  it("is invalidated with all nodes, by name, or for one result", async () => {
    const { dag, ask, calls } = cached();
    dag.cachedNode("other", {}, () => {
      calls.push(["other"]);
    });
    await ask(1);
    await ask(2);
    expect(calls.length).toBe(3);
    void dag.invalidateCache("a", { x: 1 });
    await ask(2);
    expect(calls.length).toBe(3);
    await ask(1);
    expect(calls.length).toBe(4);
    await dag.invalidateCache("a");
    await ask(1);
    expect(calls.length).toBe(5);
    await dag.invalidateCache();
    await ask(1);
    expect(calls.length).toBe(7);
  });

  it("refuses to invalidate what is not cached", () => {
    const { dag } = cached();
    dag.node("plain", () => 1);
    expect(() => dag.invalidateCache("b")).toThrow(ValidationError);
    expect(() => dag.invalidateCache("plain")).toThrow(/results of "plain" are not cached/u);
    expect(() => dag.invalidateCache("a", { z: 1 })).toThrow(/"a" takes no parameter "z"/u);
    expect(() => dag.invalidateCache("a", { y: 1 })).toThrow(/missing: x/u);
  });

  it("is invalidated by the parameters that `key` names, or what it returns", async () => {
    const { dag, ask } = cached({ key: "y" });
    expect([await ask(1, 1), await ask(2, 1)]).toEqual(["call 1", "call 1"]);
    expect(() => dag.invalidateCache("a", { x: 1 })).toThrow(/missing: y/u);
    await dag.invalidateCache("a", { y: 1 });
    expect(await ask(1, 1)).toBe("call 2");
    const even = cached({ key: ({ x }) => (x as number) % 2 });
    expect([await even.ask(2), await even.ask(4)]).toEqual(["call 1", "call 1"]);
    await even.dag.invalidateCache("a", { x: 6 });
    expect(await even.ask(2)).toBe("call 2");
    const boom = new Error("boom");
    const throwing = cached({
      key: () => {
        throw boom;
      },
    });
    expect(() => throwing.dag.invalidateCache("a", { x: 1 })).toThrow(boom);
  });

  it("does not cache a result that was being computed when it was invalidated", async () => {
    const { dag, calls, ask } = cached({}, 50);
    const before = dag.run({ inputs: { x: 1 } });
    await pass(10);
    await dag.invalidateCache();
    const after = dag.run({ inputs: { x: 1 } });
    expect((await outcome(before)).value).toBe("call 1");
    expect((await outcome(after)).value).toBe("call 2");
    expect(await ask(1)).toBe("call 2");
    expect(calls.length).toBe(2);
    const last = dag.run({ inputs: { x: 2 } });
    await pass(10);
    await dag.invalidateCache();
    await outcome(last);
    expect(await ask(2)).toBe("call 4");
  });

  it.each([
    ["all nodes were invalidated", (dag: Dag) => dag.invalidateCache()],
    ["its result was invalidated", (dag: Dag) => dag.invalidateCache("a", { x: 1 })],
  ])("does not cache a refresh that was running when %s", async (_, forget) => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    const dag = new Dag("refreshed");
    let calls = 0;
    dag.cachedNode("a", { staleAfter: 100, ttl: 10_000 }, async (x: number) => {
      const call = x + calls++;
      await sleep(call === 2 ? 500 : 10);
      return call;
    });
    const soon = async () => (await dag.run({ inputs: { x: 1 } })).value;
    expect(await outcome(soon())).toBe(1);
    await pass(200);
    expect(await soon()).toBe(1);
    await pass(1);
    expect(calls).toBe(2);
    random.mockReturnValue(1);
    await forget(dag);
    const next = soon();
    await pass(10);
    expect(await next).toBe(3);
    await pass(1000);
    expect([await soon(), calls]).toEqual([3, 3]);
  });

  it("is called again after an invalidation, whatever a running refresh returns", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const { dag, ask } = cached({ staleAfter: 100, ttl: 10_000 }, 50);
    await ask(1);
    await pass(200);
    await dag.run({ inputs: { x: 1 } });
    await pass(10);
    await dag.invalidateCache();
    await pass(100);
    expect(await ask(1)).toBe("call 3");
  });

  it("caches a refresh even while an older one, from before an invalidation, is running", async () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    const dag = new Dag("refreshed");
    const durations = [10, 500, 10, 500];
    let calls = 0;
    dag.cachedNode("a", { staleAfter: 100, ttl: 10_000 }, async () => {
      const call = ++calls;
      await sleep(durations[call - 1]);
      return call;
    });
    const soon = async (ms: number) => {
      const running = dag.run();
      await pass(ms);
      return (await running).value;
    };
    expect([await soon(200), await soon(10)]).toEqual([1, 1]);
    await dag.invalidateCache("a", {});
    expect([await soon(200), await soon(300)]).toEqual([3, 3]);
    random.mockReturnValue(1);
    expect([await soon(200), await soon(0), calls]).toEqual([3, 4, 4]);
  });

  it("counts hits and misses in the run's metrics", async () => {
    const dag = new Dag("d");
    for (const name of ["a", "b", "c"]) dag.cachedNode(name, {}, () => name);
    dag.node("plain", () => 1);
    expect((await dag.run()).metrics.cache).toEqual({ hits: 0, misses: 3 });
    void dag.invalidateCache("b");
    expect((await dag.run()).metrics.cache).toEqual({ hits: 2, misses: 1 });
    expect((await new Dag("none").run()).metrics.cache).toEqual({ hits: 0, misses: 0 });
  });

  it("starts with an empty cache when it is defined again", async () => {
    const dag = new Dag("d");
    dag.cachedNode("a", () => "old");
    await dag.run();
    dag.removeNode("a");
    dag.cachedNode("a", () => "new");
    expect((await dag.run()).value).toBe("new");
  });

  it("works as a method, and as a state, whose transition is cached too", async () => {
    let calls = 0;
    class Rates {
      @node fetch() {
        return { usd: 2 };
      }
      @cachedNode("fetch", { ttl: 1000, key: (inputs: any) => inputs.rates.usd, version: "2" }) twice(rates: {
        usd: number;
      }) {
        calls++;
        return rates.usd * 2;
      }
    }
    const dag = Dag.from(Rates);
    expect([(await dag.run()).value, (await dag.run()).value, calls]).toEqual([4, 4, 1]);
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true, cache: { ttl: 1000 } }, () => next("t", ++calls));
    fsm.state("t", { terminal: true }, (x: number) => x);
    expect([(await fsm.run()).value, (await fsm.run()).value]).toEqual([2, 2]);
    expect(fsm.lastRun?.metrics.cache).toEqual({ hits: 1, misses: 0 });
    void fsm.invalidateCache("s");
    expect((await fsm.run()).value).toBe(3);
  });

  it.each([
    [{ ttl: 0 }, /"cache.ttl" of node "a" must be a number of milliseconds, at least 1; received 0/u],
    [{ ttl: 10, staleAfter: 10 }, /"cache.staleAfter" of node "a" must be less than its "ttl" of 10; received 10/u],
    [{ staleAfter: 10 }, /"cache.staleAfter" of node "a" needs a longer "ttl"; received 10/u],
    [{ key: 5 }, /"cache.key" of node "a" must be parameter names or a function; received 5/u],
    [{ key: ["z"] }, /Node "a" takes no parameter "z", which its cache key names/u],
    [{ staleIfError: -1, ttl: 10 }, /"cache.staleIfError" of node "a" must be a number of milliseconds, at least 0/u],
    [{ staleIfError: 10 }, /"cache.staleIfError" of node "a" needs a "ttl", after which it begins; received none/u],
    [{ clone: 1 }, /"cache.clone" of node "a" must be a boolean; received 1/u],
    [{ json: Date }, /"cache.json" of node "a" must be a list of classes; received function Date/u],
    [
      { json: [Map] },
      /"cache.json" of node "a" must be a list of classes with a method "toJSON"; it has function Map/u,
    ],
    [{ version: true }, /"cache.version" of node "a" must be a string; received true/u],
    [{ maxEntries: 0 }, /"cache.maxEntries" of node "a" must be a whole number, at least 1/u],
    [{ store: {} }, /"cache.store" of node "a" must have the methods get, set, delete and clear; it has no "get"/u],
    [{ store: new Map(), maxEntries: 5 }, /"cache.maxEntries" of node "a" is for results in memory/u],
  ])("refuses %j", (cache, message) => {
    expect(() => new Dag("d").node("a", { cache } as never, (x: number) => x)).toThrow(message);
  });
});
