import { afterEach, describe, expect, it, vi } from "vitest";
import { CancelledError, Dag, StreamError, type Context } from "dagwright";
import { all, counted, doubling, forever, leave, numbers } from "../../support/streams.js";
import { meeting } from "../../support/meeting.js";
import { failure, gate, never, sleep, turns, until } from "../../support/waiting.js";

afterEach(() => void vi.restoreAllMocks());

describe("A stream", () => {
  it("gives one run an item, in order", async () => {
    const items = await all(doubling().stream([{ n: 1 }, { n: 2 }, { n: 3 }]));
    expect(items.map(({ index, input, run }) => [index, input, run.get("double")])).toEqual([
      [0, { n: 1 }, 2],
      [1, { n: 2 }, 4],
      [2, { n: 3 }, 6],
    ]);
    expect(new Set(items.map(({ run }) => run.runId)).size).toBe(3);
    expect(items.every(({ run }) => run.status === "completed")).toBe(true);
  });

  it("gives values, of items that are values for one input", async () => {
    expect(await all(doubling().stream(numbers(4), { input: "n", values: true }))).toEqual([0, 2, 4, 6]);
    expect(await all(doubling().stream([], { input: "n", values: true }))).toEqual([]);
  });

  it("passes shared inputs to every run, which records override", async () => {
    const dag = new Dag("d");
    dag.node("sum", (a: number, b: number) => a + b);
    expect(await all(dag.stream([1, 2], { input: "a", inputs: { b: 10 }, values: true }))).toEqual([11, 12]);
    expect(await all(dag.stream([{ a: 1 }, { a: 1, b: 1 }], { inputs: { b: 10 }, values: true }))).toEqual([11, 2]);
  });

  it.each(["sequential", "async", "parallel"] as const)("runs in mode %s", async (mode) => {
    const values = await all(doubling().stream(numbers(20), { input: "n", values: true, mode }));
    expect(values).toEqual(numbers(20).map((n) => 2 * n));
  });

  it("has nodes work on different items at once", async () => {
    const dag = new Dag("d");
    const { opened, open } = gate();
    const begun: string[] = [];
    const first = dag.node("first", (n: number) => {
      begun.push(`first ${n}`);
      return n;
    });
    dag.node("second", { needs: [first] }, async (n: number) => {
      begun.push(`second ${n}`);
      await opened;
      return n;
    });
    const reading = all(dag.stream(numbers(3), { input: "n", values: true }));
    await until(() => begun.length === 6);
    open();
    expect(await reading).toEqual([0, 1, 2]);
  });

  it("tells items in order, or as they are done", async () => {
    const dag = new Dag("d");
    dag.node("wait", async (n: number) => {
      await turns(10 * (3 - n));
      return n;
    });
    expect(await all(dag.stream(numbers(3), { input: "n", values: true }))).toEqual([0, 1, 2]);
    expect(await all(dag.stream(numbers(3), { input: "n", values: true, ordered: false }))).toEqual([2, 1, 0]);
  });

  it("runs with the default options of the dag, and its own", async () => {
    const dag = new Dag("d", { runOptions: { metadata: { who: "default" }, inputs: { n: 7 } } });
    dag.node("tell", (n: number, ctx: Context) => [ctx.metadata.who, n]);
    expect(await all(dag.stream([{}, { n: 1 }], { values: true }))).toEqual([
      ["default", 7],
      ["default", 1],
    ]);
    expect(await all(dag.stream([{}], { values: true, metadata: { who: "own" } }))).toEqual([["own", 7]]);
  });

  it("can be read once", async () => {
    const stream = doubling().stream(numbers(3), { input: "n" });
    await all(stream);
    await expect(all(stream)).rejects.toThrow(
      new TypeError("A stream can be read only once. Call dag.stream again for another one."),
    );
  });

  it("serves several calls of next in order, and ends them all", async () => {
    const iterator = doubling().stream(numbers(3), { input: "n", values: true })[Symbol.asyncIterator]();
    const results = await Promise.all(numbers(6).map(() => iterator.next()));
    expect(results.map(({ value }) => value as unknown)).toEqual([0, 2, 4, undefined, undefined, undefined]);
    expect(results.map(({ done }) => done)).toEqual([false, false, false, true, true, true]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("serves any number of calls at once, however quick its items are", { tags: "slow" }, async () => {
    const iterator = doubling().stream(numbers(50_000), { input: "n", values: true })[Symbol.asyncIterator]();
    const results = await Promise.all(numbers(50_001).map(() => iterator.next()));
    expect(results.slice(0, -1).every(({ value }, i) => value === 2 * i)).toBe(true);
    expect(results.at(-1)).toEqual({ done: true, value: undefined });
  });

  it("lets the event loop turn, however quick its items are", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    for await (const { index } of doubling().stream(forever(), { input: "n" })) if (ticks > 2 && index > 2) break;
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(2);
  });
});

describe("The source of a stream", () => {
  it("is not touched before the first item is asked for", async () => {
    const { seen, source } = counted(numbers(3));
    const stream = doubling().stream(source, { input: "n" });
    await sleep(2);
    expect(seen.pulled).toBe(0);
    await all(stream);
    expect(seen).toEqual({ pulled: 3, closed: 1 });
  });

  it.each([1, 3, 16])("is pulled at most %d items ahead of the reader", async (concurrency) => {
    for (const ordered of [true, false]) {
      const { seen, source } = counted(numbers(60));
      let read = 0;
      for await (const item of doubling().stream(source, { input: "n", concurrency, ordered })) {
        void item;
        read++;
        const ahead = Math.min(60, read + concurrency);
        await until(() => seen.pulled >= ahead);
        await sleep(1);
        expect(seen.pulled).toBe(ahead);
      }
      expect(read).toBe(60);
    }
  });

  it("is pulled 16 items ahead by default, even when all items are skipped", async () => {
    const dag = doubling(numbers(100).slice(1));
    const { seen, source } = counted(numbers(100));
    const iterator = dag.stream(source, { input: "n", onItemError: "skip" })[Symbol.asyncIterator]();
    await iterator.next();
    await until(() => seen.pulled >= 17);
    await sleep(5);
    expect(seen.pulled).toBe(17);
    expect((await iterator.next()).done).toBe(true);
    expect(seen).toEqual({ pulled: 100, closed: 1 });
  });

  it("bounds the items in flight", async () => {
    const { seen, attend } = meeting(4);
    const dag = new Dag("d");
    dag.node("a", () => attend());
    await all(
      dag.stream(
        Array.from({ length: 20 }, () => ({})),
        { concurrency: 4 },
      ),
    );
    expect(seen.most).toBe(4);
  });

  it.each([true, false])(
    "is closed when the loop is left, and runs in flight are cancelled (ordered %s)",
    async (ordered) => {
      const reasons: unknown[] = [];
      const dag = new Dag("d");
      dag.node("a", (n: number, ctx: Context) =>
        n === 0 ? n : new Promise(() => ctx.signal.addEventListener("abort", () => reasons.push(ctx.signal.reason))),
      );
      const { seen, source } = counted(forever());
      for await (const item of dag.stream(source, { input: "n", values: true, ordered })) {
        expect(item).toBe(0);
        await until(() => seen.pulled > 1);
        break;
      }
      expect(seen.closed).toBe(1);
      expect(reasons.length).toBeGreaterThan(0);
      expect(reasons.every((reason) => reason instanceof CancelledError)).toBe(true);
    },
  );

  it("is closed when the loop's body throws, or the function returns", async () => {
    const { seen, source } = counted(forever());
    const thrower = async () => {
      for await (const { index } of doubling().stream(source, { input: "n" })) throw new Error(`enough of ${index}`);
    };
    await expect(thrower()).rejects.toThrow("enough of 0");
    expect(seen.closed).toBe(1);
    const other = counted(forever());
    const returner = async () => {
      for await (const { run } of doubling().stream(other.source, { input: "n" })) return run.get("double");
      return undefined;
    };
    expect(await returner()).toBe(0);
    expect(other.seen.closed).toBe(1);
  });

  it("is closed by throw()", async () => {
    const { seen, source } = counted(forever());
    const iterator = doubling().stream(source, { input: "n" })[Symbol.asyncIterator]();
    await iterator.next();
    await expect(iterator.throw?.(new Error("mine"))).rejects.toThrow("mine");
    expect(seen.closed).toBe(1);
    expect((await iterator.next()).done).toBe(true);
  });

  it.each(["return", "throw", "failure"] as const)(
    "is closed once, before all that read at the same time hear of it in order: by %s",
    async (how) => {
      const closing = gate();
      const [flying, seen] = [gate(), { closed: 0 }];
      const dag = new Dag("d");
      dag.node("a", async (n: number) => {
        if (n === 0) return n;
        if (n > 1) flying.open();
        if (n === 1 && how === "failure") {
          await flying.opened;
          throw new Error("mine");
        }
        return never();
      });
      let n = 0;
      const source = {
        [Symbol.asyncIterator]: () => source,
        next: async () => ({ done: false, value: n++ }),
        async return() {
          seen.closed++;
          await closing.opened;
          return { done: true, value: undefined };
        },
      };
      const iterator = dag.stream(source, { input: "n", values: true })[Symbol.asyncIterator]();
      const heard: unknown[] = [];
      const hear = async (name: string, told: Promise<IteratorResult<unknown>> | undefined) => {
        try {
          const result = await told;
          heard.push([name, result?.done === true ? "done" : result?.value]);
        } catch (error) {
          heard.push([name, (error as Error).message.includes("mine") ? "mine" : error]);
        }
      };
      const reads = numbers(4).map((read) => hear(`next ${read}`, iterator.next()));
      await reads[0];
      await flying.opened;
      if (how === "return") reads.push(hear("end", iterator.return?.()));
      if (how === "throw") reads.push(hear("end", iterator.throw?.(new Error("mine"))));
      await until(() => seen.closed === 1);
      reads.push(hear("later", iterator.next()), hear("again", iterator.return?.()));
      await turns(20);
      expect(heard).toEqual([["next 0", 0]]);
      closing.open();
      await Promise.all(reads);
      const first = how === "failure" ? "mine" : "done";
      expect(heard.slice(0, 4)).toEqual([
        ["next 0", 0],
        ["next 1", first],
        ["next 2", "done"],
        ["next 3", "done"],
      ]);
      expect(new Map(heard.slice(4) as [string, unknown][])).toEqual(
        new Map([
          ...(how === "failure" ? [] : ([["end", how === "return" ? "done" : "mine"]] as const)),
          ["later", "done"],
          ["again", "done"],
        ]),
      );
      expect(seen.closed).toBe(1);
    },
  );

  it("that throws ends the stream, after the items before it", async () => {
    async function* source() {
      yield 1;
      yield 2;
      throw new Error("disk full");
    }
    for (const ordered of [true, false]) {
      const read: unknown[] = [];
      const reading = (async () => {
        for await (const value of doubling().stream(source(), { input: "n", values: true, ordered })) read.push(value);
      })();
      const error = (await failure(reading)) as StreamError;
      expect(read).toEqual([2, 4]);
      expect(error).toBeInstanceOf(StreamError);
      expect(error.message).toBe('The source of the stream of "doubling" failed at item 2: disk full.');
      expect(error).toMatchObject({ index: 2, code: "STREAM", cause: new Error("disk full") });
    }
  });

  it("that can't be opened, or gives no iterator result, ends the stream", async () => {
    const locked = new ReadableStream();
    locked.getReader();
    expect(await failure(all(doubling().stream(locked)))).toBeInstanceOf(StreamError);
    const odd = { [Symbol.iterator]: () => ({ next: () => 5 }) } as unknown as Iterable<object>;
    const error = await failure(all(doubling().stream(odd)));
    expect(error.message).toContain("failed at item 0: Its next() must return { done, value }; it returned 5.");
  });

  it("that throws as it is closed tells so to who leaves the loop", async () => {
    function* source() {
      try {
        for (;;) yield 1;
      } finally {
        // eslint-disable-next-line no-unsafe-finally
        throw new Error("can't close");
      }
    }
    const reading = (async () => {
      await leave(doubling().stream(source(), { input: "n" }));
    })();
    await expect(reading).rejects.toThrow("can't close");
  });

  it("that throws as it is closed for another error becomes a warning", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
    function* source() {
      try {
        for (;;) yield 1;
      } finally {
        // eslint-disable-next-line no-unsafe-finally
        throw new Error("can't close");
      }
    }
    const error = await failure(all(doubling([1]).stream(source(), { input: "n" })));
    expect(error.index).toBe(0);
    expect(warned).toHaveBeenCalledWith(
      'The source of the stream of "doubling" threw when it was closed: can\'t close',
      "DagwrightStreamWarning",
    );
  });
});
