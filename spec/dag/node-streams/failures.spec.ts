import { describe, expect, it } from "vitest";
import { Dag, ExecutionError, stream } from "dagwright";
import { counting, dagOf, failingAt, first, listOf, slowly } from "../../support/item-streams.js";
import { refuseUnhandledRejections } from "../../support/unhandled.js";
import { failure, gate, never, sleep, turns, until } from "../../support/waiting.js";

const options = { mode: "async", errorStrategy: "continue", timeout: 60_000 } as const;

refuseUnhandledRejections();

describe("A producer's error", () => {
  it("is thrown at each consumer's next item, after those in the buffer", async () => {
    const seen: Record<string, unknown[]> = { fast: [], slow: [] };
    const consumer = (name: string, ms: number) => async (items: AsyncIterable<number>) => {
      try {
        for await (const item of items) {
          await sleep(ms);
          seen[name].push(item);
        }
      } catch (error) {
        seen[name].push((error as Error).message);
      }
      return "handled";
    };
    const run = await dagOf(failingAt(3), { fast: consumer("fast", 0), slow: consumer("slow", 2) }).run(options);
    for (const name of ["fast", "slow"]) {
      expect(seen[name]).toEqual([0, 1, 2, "boom"]);
      expect(run.get(name)).toBe("handled");
    }
    expect(run.nodes.get("nums")?.status).toBe("failed");
    expect(run.status).toBe("failed");
  });

  it("fails the consumers that let it pass, each once", async () => {
    const run = await dagOf(failingAt(1), { a: listOf, b: listOf }).run(options);
    expect(run.errors.map(({ node }: any) => node).sort()).toEqual(["a", "b", "nums"]);
  });

  it("ends the run under failFast", async () => {
    const error = await failure(dagOf(failingAt(1), { a: listOf }).run({ mode: "async" }));
    expect(error).toBeInstanceOf(ExecutionError);
    expect(error.node).toBe("nums");
  });

  it("before its first item, from a hook, reaches consumers as they wait, or skips them", async () => {
    const hooks = {
      preExecute: () => {
        throw new Error("not now");
      },
    };
    const run = await dagOf(counting(3), { a: listOf }, { hooks }).run(options);
    expect(run.nodes.get("nums")?.status).toBe("failed");
    expect(run.nodes.get("a")?.status).toBe("skipped");
  });
});

describe("A consumer's failure", () => {
  it("closes the source when it was the last", async () => {
    const log: string[] = [];
    const run = await dagOf(counting(Infinity, log), {
      bad: async (items: AsyncIterable<number>) => {
        for await (const item of items) if (item === 2) throw new Error("bad");
      },
    }).run(options);
    expect(run.errors).toHaveLength(1);
    expect(run.nodes.get("nums")?.status).toBe("completed");
    expect(run.has("nums")).toBe(false);
    expect(log.at(-1)).toBe("p closed");
  });

  it("leaves the others their items", async () => {
    const run = await dagOf(
      counting(40),
      {
        bad: () => {
          throw new Error("bad");
        },
        good: listOf,
      },
      { buffer: 1 },
    ).run(options);
    expect(run.get("good")).toHaveLength(40);
  });

  it("closes the source also when its finally throws", async () => {
    const run = await dagOf(
      async function* () {
        try {
          for (let i = 0; ; i++) yield i;
        } finally {
          // eslint-disable-next-line no-unsafe-finally
          throw new Error("too late");
        }
      },
      { one: first(1) },
    ).run(options);
    expect(run.get("one")).toEqual([0]);
    expect(run.status).toBe("completed");
  });

  it("of one source lets go of the others", async () => {
    const dag = new Dag("d");
    dag.node("x", { buffer: 1 }, counting(30));
    dag.node("ys", { retry: { retries: 1, delay: 5 } }, async function* () {
      yield* [];
      throw new Error("never starts well");
    });
    dag.node(
      "both",
      { needs: [stream("x"), stream("ys")] },
      async (x: AsyncIterable<number>, ys: AsyncIterable<number>) => [await listOf(ys), await listOf(x)],
    );
    dag.node("all", { needs: [stream("x")] }, listOf);
    const run = await dag.run(options);
    expect(run.get("all")).toHaveLength(30);
    expect(run.nodes.get("both")?.status).toBe("failed");
  });
});

describe("An aborted run", () => {
  it.each([0, 1, 5])("closes both ends of a stream, after %i items", async (items) => {
    const log: string[] = [];
    let opened = 0;
    let taken = 0;
    const dag = dagOf(
      async function* () {
        opened++;
        try {
          for (; ; taken++) {
            await sleep(2);
            yield taken;
          }
        } finally {
          log.push("closed");
        }
      },
      { a: listOf, b: slowly(3) },
    );
    const controller = new AbortController();
    const ended = failure(dag.run({ ...options, signal: controller.signal }));
    await until(() => taken >= items);
    controller.abort();
    expect((await ended).code).toBe("CANCELLED");
    await until(() => log.length === opened);
    expect(log).toEqual(Array.from({ length: opened }, () => "closed"));
  });

  it("closes a source that waits for room, and a consumer that waits for an item", async () => {
    const log: string[] = [];
    const dag = dagOf(counting(Infinity, log), { stuck: () => never() }, { buffer: 2 });
    dag.node("idle", async function* () {
      await sleep(10_000);
      yield 1;
    });
    dag.node("waits", { needs: [stream("idle")] }, async (items: AsyncIterable<number>) => {
      log.push("waits");
      try {
        await listOf(items);
      } finally {
        log.push("let go");
      }
    });
    const controller = new AbortController();
    const ended = failure(dag.run({ mode: "async", signal: controller.signal }));
    await until(() => log.includes("p1") && log.includes("waits"));
    controller.abort();
    expect((await ended).code).toBe("CANCELLED");
    await until(() => log.includes("p closed") && log.includes("let go"));
  });
});

describe("A generator that ignores its signal", () => {
  /** Yields 0, and computes the next item until `opened`. */
  function deaf(opened: Promise<void>, log: string[]) {
    return async function* (): AsyncGenerator<number> {
      try {
        yield 0;
        await opened;
        yield 1;
      } finally {
        log.push("closed");
      }
    };
  }

  it("is abandoned a second after nobody takes its items, and closed when it comes to", { tags: "slow" }, async () => {
    const log: string[] = [];
    const { opened, open } = gate();
    const run = await dagOf(deaf(opened, log), { one: first(1) }).run(options);
    expect(run.status).toBe("completed");
    expect(run.get("one")).toEqual([0]);
    expect(run.has("nums")).toBe(false);
    expect(log).toEqual([]);
    open();
    await until(() => log.length > 0);
    expect(log).toEqual(["closed"]);
  });

  it("does not keep an aborted run, and is closed when it comes to", async () => {
    const log: string[] = [];
    const { opened, open } = gate();
    const controller = new AbortController();
    const taken = gate();
    const all = async (items: AsyncIterable<number>) => {
      for await (const item of items) if (item === 0) taken.open();
    };
    const ended = failure(dagOf(deaf(opened, log), { all }).run({ ...options, signal: controller.signal }));
    await taken.opened;
    controller.abort();
    expect((await ended).code).toBe("CANCELLED");
    expect(log).toEqual([]);
    open();
    await until(() => log.length > 0);
    expect(log).toEqual(["closed"]);
  });

  it("is waited for when it comes to within a second, and while it closes", async () => {
    const log: string[] = [];
    const { opened, open } = gate();
    const dag = dagOf(
      async function* () {
        try {
          yield* deaf(opened, [])();
        } finally {
          await sleep(20);
          log.push("closed");
        }
      },
      { one: first(1) },
    );
    setTimeout(open, 10);
    await dag.run(options);
    expect(log).toEqual(["closed"]);
  });
});

describe("A plain generator", () => {
  it("is closed when it aborts its own run", async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const dag = dagOf(
      function* () {
        try {
          yield 0;
          controller.abort();
          yield 1;
        } finally {
          log.push("closed");
        }
      },
      { all: listOf },
    );
    expect((await failure(dag.run({ ...options, signal: controller.signal }))).code).toBe("CANCELLED");
    await turns(3);
    expect(log).toEqual(["closed"]);
  });

  it("gives the values of promises, and is closed when one is rejected", async () => {
    const log: string[] = [];
    const promising = function* (): Generator<Promise<number>> {
      try {
        yield Promise.resolve(1);
        yield Promise.resolve(2);
        yield Promise.reject(new Error("boom"));
        log.push("went on");
      } finally {
        log.push("closed");
      }
    };
    const caught = async (items: AsyncIterable<number>) => {
      const seen: unknown[] = [];
      try {
        for await (const item of items) seen.push(item);
      } catch (error) {
        seen.push((error as Error).message);
      }
      return seen;
    };
    const run = await dagOf(promising, { caught }).run(options);
    expect(run.get("caught")).toEqual([1, 2, "boom"]);
    expect(run.nodes.get("nums")?.error?.message).toMatch(/boom/u);
    expect(log).toEqual(["closed"]);
    const alone = await dagOf(promising, {}).run(options);
    expect(alone.nodes.get("nums")?.error?.message).toMatch(/boom/u);
    expect(log).toEqual(["closed", "closed"]);
  });

  it("gives a list of the values of promises, but not in runSync", async () => {
    const dag = dagOf(function* () {
      yield Promise.resolve(1);
      yield 2;
    }, {});
    expect((await dag.run()).get("nums")).toEqual([1, 2]);
    expect(() => dag.runSync()).toThrow(/returned a promise, which runSync can't wait for/u);
  });
});
