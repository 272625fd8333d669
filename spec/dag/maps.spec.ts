import { describe, expect, it } from "vitest";
import { Dag, ExecutionError, map, node, type Context, type Entry, type Item, type RunEvent } from "dagwright";
import { meeting } from "../support/meeting.js";
import { failure, gate, never, sleep, until } from "../support/waiting.js";

/** A dag that maps a collection. */
function mapping(
  collection: unknown,
  fn: (item: any, ctx: Context) => unknown = (item) => item,
  options = {},
): Dag<any> {
  const dag = new Dag<any>("mapping");
  dag.node("list", () => collection);
  dag.map("out", { needs: ["list"], ...options }, fn);
  return dag;
}

const resultOf = async (collection: unknown, options = {}) =>
  (await mapping(collection, (item) => [item], options).run({ mode: "async" })).get("out");

async function* counting(from: number, to: number) {
  for (let i = from; i < to; i++) yield i;
}

class Photos {
  @node list() {
    return ["a", "b"];
  }
  @map("list", { concurrency: 8, retry: 2 }) thumb(file: Item<string>, ctx: Context) {
    return `${file}${ctx.item?.index}`;
  }
  @node sizes() {
    return new Map([
      ["s", 1],
      ["l", 2],
    ]);
  }
  @map("sizes", "list") scaled(size: Entry<number>, list: string[]) {
    return size * list.length;
  }
}

describe("A map", () => {
  it("calls its function for each item, and gives what has the same form as the collection", async () => {
    expect(await resultOf([1, 2])).toEqual([[1], [2]]);
    expect(await resultOf(new Set([3, 1]))).toEqual([[3], [1]]);
    expect(await resultOf(Uint8Array.of(7, 8))).toEqual([[7], [8]]);
    expect(await resultOf(new Array(2))).toEqual([[undefined], [undefined]]);
    expect(
      await resultOf(
        new Map<unknown, string>([
          [1, "a"],
          ["1", "b"],
        ]),
      ),
    ).toEqual(
      new Map<unknown, unknown>([
        [1, ["a"]],
        ["1", ["b"]],
      ]),
    );
    expect(await resultOf({ a: 1, b: 2 })).toEqual({ a: [1], b: [2] });
    expect(await resultOf(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: [1] });
    expect(await resultOf([1, 2].values())).toEqual([[1], [2]]);
    expect(await resultOf(counting(0, 3))).toEqual([[0], [1], [2]]);
    const hostile = JSON.parse('{"__proto__":1,"constructor":2}') as object;
    expect(Object.entries((await resultOf(hostile)) as object)).toEqual([
      ["__proto__", [1]],
      ["constructor", [2]],
    ]);
  });

  it("of nothing is nothing", async () => {
    expect(await resultOf([])).toEqual([]);
    expect(await resultOf(new Map())).toEqual(new Map());
    expect(await resultOf({})).toEqual({});
    expect(await resultOf(counting(0, 0))).toEqual([]);
    const reduce = { initial: "start", fn: () => "other" };
    expect(await resultOf([], { reduce })).toBe("start");
    const run = await mapping([]).run();
    expect(run.nodes.get("out")?.items).toEqual({ total: 0, completed: 0, failed: 0, cached: 0 });
  });

  it("fails on anything else, naming node and type", async () => {
    class Order {}
    for (const [value, shown] of [
      ["abc", 'the string "abc"'],
      [1, "1"],
      [null, "null"],
      [undefined, "undefined"],
      [true, "true"],
      [() => 1, "function"],
      [new Date(0), "Date"],
      [new Order(), "object"],
    ] as [unknown, string][]) {
      const error = await failure(mapping(value).run());
      expect(error).toBeInstanceOf(ExecutionError);
      expect(error.message).toContain('Map "out" needs a collection');
      expect(error.message).toContain(shown);
      expect(error.node).toBe("out");
    }
  });

  it("works in classes, with further needs after the item", async () => {
    const dag = Dag.from(Photos);
    for (const options of [
      {},
      { mode: "async" },
      { mode: "async", concurrency: 1 },
      { mode: "async", executor: "level" },
      { mode: "async", executor: "reactive", concurrency: 2 },
    ] as const) {
      const run = await dag.run(options);
      expect(run.get("thumb")).toEqual(["a0", "b1"]);
      expect(run.get("scaled")).toEqual(
        new Map([
          ["s", 2],
          ["l", 4],
        ]),
      );
    }
    expect(dag.runSync().get("thumb")).toEqual(["a0", "b1"]);
  });

  it("may ignore its items", async () => {
    const dag = new Dag<any>("ignoring");
    dag.node("list", () => [1, 2]);
    dag.map("ones", { needs: ["list"] }, () => 1);
    dag.map("keys", { needs: ["list"] }, (ctx: Context) => ctx.item?.key);
    const run = await dag.run();
    expect(run.get("ones")).toEqual([1, 1]);
    expect(run.get("keys")).toEqual([0, 1]);
  });

  it("passes promises among the items on as they are", async () => {
    const run = await mapping([Promise.resolve(1), 2], (item: unknown) => item instanceof Promise).run();
    expect(run.get("out")).toEqual([true, false]);
  });

  it("takes the items that an array has when it begins", async () => {
    const list = [1, 2];
    const run = await mapping(list, (item: number) => list.push(item)).run();
    expect(run.get("out")).toEqual([3, 4]);
  });

  it("reads an iterator once: a second map over it fails", async () => {
    const dag = mapping(counting(0, 2));
    dag.map("again", { needs: ["list"] }, (item) => item);
    const error = await failure(dag.run());
    expect(error.message).toContain('Map "again" needs an iterator that another map has read already');
  });

  it("closes its source once when an item fails, and tells the item's error even if that throws", async () => {
    let closed = 0;
    const source = {
      [Symbol.iterator]: () => ({
        next: () => ({ value: 1, done: false }),
        return() {
          closed++;
          throw new Error("can't close");
        },
      }),
    };
    const error = await failure(
      mapping(source, () => Promise.reject(new Error("bad"))).run({ mode: "async", concurrency: 2 }),
    );
    expect(error.message).toContain("bad");
    expect(closed).toBe(1);
  });

  it("fails with the error of its source", async () => {
    const throwing = async function* () {
      yield 1;
      throw new Error("source broke");
    };
    expect(await failure(mapping(throwing()).run())).toMatchObject({
      node: "out",
      path: ["out"],
      message: expect.stringContaining("source broke"),
    });
    const getter = {
      get a(): never {
        throw new Error("no a");
      },
    };
    expect((await failure(mapping(getter).run())).message).toContain("no a");
  });
});

describe("The concurrency of a map", () => {
  const forty = Array.from({ length: 40 }, (_, i) => i);

  it.each<[string, () => unknown, object, object, number]>([
    ["the map's own", () => forty, { concurrency: 3 }, {}, 3],
    ["the run's", () => forty, {}, { concurrency: 5 }, 5],
    ["the lower of both", () => forty, { concurrency: 7 }, { concurrency: 5 }, 5],
    ["unlimited over lists", () => forty, {}, {}, 40],
    ["16 over async iterables", () => counting(0, 40), {}, {}, 16],
    ["1 in sequential mode", () => forty, {}, { mode: "sequential" }, 1],
  ])("is %s", async (_, collection, options, runOptions, limit) => {
    const { seen, attend } = meeting(limit);
    await mapping(collection(), () => attend(), options).run({ mode: "async", ...runOptions });
    expect(seen.most).toBe(limit);
  });

  it("is shared with other nodes and maps", async () => {
    const { seen, attend } = meeting(4);
    const work = () => attend(1);
    const dag = new Dag<any>("sharing");
    dag.node("list", () => forty);
    dag.map("a", { needs: ["list"] }, work);
    dag.map("b", { needs: ["list"], retry: 1 }, work);
    for (let i = 0; i < 10; i++) dag.node(`n${i}`, { needs: ["list"] }, work);
    const run = await dag.run({ mode: "async", concurrency: 4 });
    expect(seen.most).toBe(4);
    expect(run.get("a")).toHaveLength(40);
    expect(run.get("b")).toHaveLength(40);
  });

  it("says how far an async iterable is read ahead", async () => {
    let pulled = 0;
    let done = 0;
    let furthest = 0;
    const source = async function* () {
      for (let i = 0; i < 30; i++) {
        furthest = Math.max(furthest, ++pulled - done);
        yield i;
      }
    };
    const work = async () => {
      await sleep(1);
      done++;
    };
    await mapping(source(), work, { concurrency: 3 }).run({ mode: "async" });
    expect(pulled).toBe(30);
    expect(furthest).toBeLessThanOrEqual(3);
  });

  it("holds no slot while a source is waited for", async () => {
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const dag = new Dag<any>("slow source");
    dag.node("list", () =>
      (async function* () {
        await gate;
        yield 1;
      })(),
    );
    dag.map("out", { needs: ["list"] }, (item) => item);
    dag.node("other", { needs: ["list"] }, async () => (await sleep(1), release(), "ran"));
    const run = await dag.run({ mode: "async", concurrency: 1 });
    expect([run.get("out"), run.get("other")]).toEqual([[1], "ran"]);
  });

  it("in sequential mode is one item after another, before the next node", async () => {
    const seen: string[] = [];
    const dag = new Dag<any>("sequence");
    dag.node("list", () => [1, 2]);
    dag.map("a", { needs: ["list"] }, async (item: number) => {
      seen.push(`a${item}`);
      await sleep(3 - item);
      seen.push(`-a${item}`);
    });
    dag.map("b", { needs: ["list"] }, (item: number) => void seen.push(`b${item}`));
    await dag.run();
    expect(seen).toEqual(["a1", "-a1", "a2", "-a2", "b1", "b2"]);
  });
});

describe("The items of a map that fail", () => {
  const odd = async (item: number) => {
    await sleep(1);
    if (item % 2 === 1) throw new Error(`odd ${item}`);
    return item;
  };

  it("fail the map by default: the error says which, and those in flight are aborted", async () => {
    const aborted: unknown[] = [];
    const { opened, open } = gate();
    const dag = mapping([0, 1, 2], async (item: number, ctx: Context) => {
      if (item === 1) return opened.then(() => odd(item));
      ctx.signal.addEventListener("abort", () => aborted.push(item));
      if (item === 2) open();
      return never();
    });
    const error = await failure(dag.run({ mode: "async" }));
    expect(error).toMatchObject({ node: "out", item: "out[1]", path: ["out[1]"] });
    expect(error.message).toContain('"out[1]" failed: odd 1');
    expect(error.cause).toEqual(new Error("odd 1"));
    expect(aborted).toEqual([0, 2]);
    expect(error.run.nodes.get("out")).toMatchObject({
      status: "failed",
      items: { total: 3, completed: 0, failed: 1 },
    });
    expect(error.run.nodes.get("out")?.errors).toEqual([error]);
  });

  it("release their slots even when functions ignore the signal", async () => {
    for (const options of [{}, { retry: 1 }]) {
      const dag = mapping([0, 1], (item: number) => (item === 0 ? never() : odd(item)), options);
      dag.node("after", { after: ["out"] }, async () => (await sleep(1), "ran"));
      const run = await dag.run({ mode: "async", concurrency: 2, errorStrategy: "continue" });
      expect(run.status).toBe("failed");
      expect(run.get("after")).toBe("ran");
    }
  });

  it("do not wait for a source that never gives its next item", async () => {
    const source = async function* () {
      yield 1;
      await never();
    };
    for (const errorStrategy of ["failFast", "continue"] as const) {
      const run = await mapping(source(), odd)
        .run({ mode: "async", errorStrategy })
        .catch((error: ExecutionError) => error.run);
      expect(run.nodes.get("out")?.status).toBe("failed");
    }
  });

  it("are left out with skip, and are no errors of the run", async () => {
    const run = await mapping({ a: 1, b: 2, c: 3 }, odd, { onItemError: "skip" }).run({ mode: "async" });
    expect(run.get("out")).toEqual({ b: 2 });
    expect(run.status).toBe("completed");
    expect(run.errors).toEqual([]);
    expect(run.nodes.get("out")?.errors.map(({ item }) => item)).toEqual(["out[a]", "out[c]"]);
    expect(run.nodes.get("out")?.items).toEqual({ total: 3, completed: 1, failed: 2, cached: 0 });
  });

  it("are told in the result with settle", async () => {
    const run = await mapping([1, 2], odd, { onItemError: "settle" }).run({ mode: "async" });
    expect(run.get("out")).toEqual([
      { status: "rejected", reason: run.nodes.get("out")?.errors[0] },
      { status: "fulfilled", value: 2 },
    ]);
    expect(run.status).toBe("completed");
  });
});

describe("A run with a map", () => {
  it("tells of each item by key and index, and of the node's progress", async () => {
    const events: RunEvent[] = [];
    const list = new Map([
      ["a", 1],
      ["b", 2],
    ]);
    const fail = (item: number) => {
      if (item === 2) throw new Error("two");
    };
    await mapping(list, fail, { onItemError: "skip" }).run({ observers: [(event) => events.push(event)] });
    const told = events.filter(({ type }) => type.startsWith("item.") || type === "node.progress");
    expect(told).toMatchObject([
      { type: "item.started", node: "out", key: "a", index: 0, attempt: 1 },
      { type: "item.completed", node: "out", key: "a", index: 0, cached: false },
      { type: "node.progress", node: "out", fraction: 0.5 },
      { type: "item.started", node: "out", key: "b", index: 1 },
      { type: "item.failed", node: "out", key: "b", index: 1 },
      { type: "node.progress", node: "out", fraction: 1 },
    ]);
  });

  it("is cancelled at any moment, and lets go of the source", async () => {
    let opened = false;
    let closed = false;
    const source = async function* () {
      opened = true;
      try {
        for (let i = 0; ; i++) yield (await sleep(1), i);
      } finally {
        closed = true;
      }
    };
    for (const ms of [0, 1, 3, 8]) {
      opened = closed = false;
      const error = await failure(
        mapping(source(), () => sleep(2)).run({ mode: "async", signal: AbortSignal.timeout(ms) }),
      );
      expect(error.run.status).toBe("cancelled");
      await until(() => closed || !opened);
    }
  });

  it("may overlap with another run of its dag", async () => {
    const dag = mapping([1, 2, 3], async (item: number, ctx: Context) => (await sleep(1), [item, ctx.runId]));
    const [a, b] = await Promise.all([dag.run({ mode: "async", runId: "a" }), dag.run({ runId: "b" })]);
    expect(a.get("out")).toEqual([1, 2, 3].map((item) => [item, "a"]));
    expect(b.get("out")).toEqual([1, 2, 3].map((item) => [item, "b"]));
  });

  it("yields to timers while it maps a million items", { tags: "slow" }, async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const list = Array.from({ length: 1_000_000 }, (_, i) => i);
    const run = await mapping(list, (item: number) => item + 1).run();
    clearInterval(timer);
    expect((run.get("out") as number[])[999_999]).toBe(1_000_000);
    expect(turns).toBeGreaterThan(1);
  });

  it("refuses promises and async iterables in runSync", () => {
    expect(() => mapping([1], async () => 1).runSync()).toThrow(
      /out\[0\]" returned a promise, which runSync can't wait for/u,
    );
    expect(() => mapping(counting(0, 1)).runSync()).toThrow(/async iterable, which runSync can't wait for/u);
  });

  it("can take its results from elsewhere, and be a part of a run", async () => {
    let calls = 0;
    const dag = mapping([1, 2], (item: number) => (calls++, item));
    dag.node("count", { needs: ["out"] }, (out: number[]) => out.length);
    expect((await dag.run({ overrides: { out: [1, 2, 3] } as never })).get("count")).toBe(3);
    expect(calls).toBe(0);
    await dag.run();
    const part = await dag.runFrom("count");
    expect(part.get("count")).toBe(2);
    expect(calls).toBe(2);
  });
});

describe("The options of a map", () => {
  it("include a name that no node takes for one of its items", async () => {
    const dag = mapping([1]);
    dag.node("out[0]", () => 1);
    expect((await failure(dag.run())).message).toContain('Node "out[0]" has the name of an item of map "out"');
  });

  it("are checked when it is defined", () => {
    const dag = new Dag<any>("options");
    const defined = (options: object) => () => dag.map("m", options as never, (item) => item);
    expect(defined({ concurrency: 0 })).toThrow(/"concurrency" of map "m"/u);
    expect(defined({ onItemError: "ignore" })).toThrow(/"onItemError" of map "m"/u);
    expect(defined({ reduce: { initial: 0 } })).toThrow(/"reduce.fn" of map "m" must be a function/u);
    expect(defined({ unknown: 1 })).toThrow(/Unknown option "unknown" of map "m"/u);
  });

  it("are refused where they can't go together", () => {
    const dag = new Dag<any>("options");
    const defined = (options: object) => () => dag.map("m", options as never, (item) => item);
    const reduce = { initial: 0, fn: (sum: number) => sum };
    expect(defined({ flatten: true, reduce })).toThrow(/"flatten" of map "m" can't go with "reduce".*reduce\.fn/u);
    expect(defined({ flatten: true, onItemError: "settle" })).toThrow(
      /"flatten" of map "m" can't go with onItemError/u,
    );
    expect(defined({ flatten: false, onItemError: "settle", reduce })).not.toThrow();
    expect(() => dag.configureNode("m", { flatten: true } as never)).toThrow(/"flatten" of map "m"/u);
    const table = { needs: ["list"], cases: { a: (item: number) => item } };
    expect(() => dag.map("sent", table as never)).toThrow(/Map "sent" has "needs" beside its cases.*dag\.map\("sent"/u);
  });

  it("can be changed later", async () => {
    const dag = mapping([1, 2], (item: number) => [item]);
    dag.configureNode("out", { flatten: true } as never);
    expect((await dag.run()).get("out")).toEqual([1, 2]);
  });
});
