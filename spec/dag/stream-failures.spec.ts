import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Dag, ExecutionError, NodeTimeoutError, PauseRun, stream, type NodeOptions } from "dagwright";
import { counting, first, listOf, slowly } from "../support/item-streams.js";
import { failure, never, sleep } from "../support/waiting.js";

const options = { mode: "async", errorStrategy: "continue", timeout: 5000 } as const;
const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);

beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});

afterEach(async () => {
  await sleep(5);
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

/** Yields 0, 1, … and throws in the place of number `at`. */
function failingAt(at: number, log: string[] = []) {
  return async function* (): AsyncGenerator<number> {
    try {
      for (let i = 0; ; i++) {
        if (i === at) throw new Error("boom");
        yield i;
      }
    } finally {
      log.push("closed");
    }
  };
}

function dagOf(producer: () => unknown, consumers: Record<string, unknown>, own: NodeOptions = {}): Dag {
  const dag = new Dag("d");
  dag.node("nums", own, producer as () => unknown);
  for (const [name, fn] of Object.entries(consumers)) dag.node(name, { needs: [stream("nums")] }, fn as () => unknown);
  return dag;
}

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
  it.each([1, 8, 30])("closes both ends of a stream, after %i ms", async (ms) => {
    const log: string[] = [];
    const dag = dagOf(
      async function* () {
        try {
          for (let i = 0; ; i++) {
            await sleep(2);
            yield i;
          }
        } finally {
          log.push("closed");
        }
      },
      { a: listOf, b: slowly(3) },
    );
    const controller = new AbortController();
    setTimeout(() => controller.abort(), ms);
    const error = await failure(dag.run({ ...options, signal: controller.signal }));
    expect(error.code).toBe("CANCELLED");
    await sleep(20);
    expect(log).toEqual(ms === 1 ? expect.any(Array) : ["closed"]);
  });

  it("closes a source that waits for room, and a consumer that waits for an item", async () => {
    const log: string[] = [];
    const dag = dagOf(counting(Infinity, log), { stuck: () => never() }, { buffer: 2 });
    dag.node("idle", async function* () {
      await sleep(10_000);
      yield 1;
    });
    dag.node("waits", { needs: [stream("idle")] }, async (items: AsyncIterable<number>) => {
      try {
        await listOf(items);
      } finally {
        log.push("let go");
      }
    });
    expect((await failure(dag.run({ mode: "async", timeout: 20 }))).code).toBe("RUN_TIMEOUT");
    await sleep(10);
    expect(log).toContain("p closed");
    expect(log).toContain("let go");
  });
});

describe("A timeout", () => {
  it("of a producer is of the whole stream", async () => {
    const run = await dagOf(
      async function* () {
        for (let i = 0; i < 100; i++) {
          await sleep(5);
          yield i;
        }
      },
      { a: listOf },
      { timeout: 40 },
    ).run(options);
    expect(run.nodes.get("nums")?.error).toBeInstanceOf(NodeTimeoutError);
    expect(run.nodes.get("a")?.status).toBe("failed");
  });

  it("of a consumer lets go of the stream", async () => {
    const dag = new Dag("d");
    const log: string[] = [];
    dag.node("nums", counting(Infinity, log));
    dag.node("slow", { needs: [stream("nums")], timeout: 20 }, slowly(5));
    const run = await dag.run(options);
    expect(run.nodes.get("slow")?.error).toBeInstanceOf(NodeTimeoutError);
    expect(log.at(-1)).toBe("p closed");
  });
});

describe("Retries in a stream", () => {
  it("of a producer happen before its first item", async () => {
    let attempts = 0;
    const run = await dagOf(
      async function* () {
        if (++attempts < 3) throw new Error("not yet");
        yield* [1, 2];
      },
      { a: listOf },
      { retry: { retries: 5, delay: 1 } },
    ).run(options);
    expect(run.get("a")).toEqual([1, 2]);
    expect(run.nodes.get("nums")?.attempts).toBe(3);
  });

  it("of a producer do not happen after its first item", async () => {
    const log: string[] = [];
    const run = await dagOf(failingAt(2, log), { a: listOf }, { retry: { retries: 5, delay: 1 } }).run(options);
    expect(run.nodes.get("nums")?.error?.message).toMatch(/boom/u);
    expect(run.nodes.get("nums")?.attempts).toBe(1);
    expect(log).toEqual(["closed"]);
  });

  it("of a producer that exceeds its timeout before its first item begin anew", async () => {
    let attempts = 0;
    const run = await dagOf(
      async function* () {
        if (++attempts === 1) await sleep(40);
        yield attempts;
      },
      { a: async (items: AsyncIterable<number>) => [await listOf(items), await sleep(60)][0] },
      { retry: { retries: 1, delay: 1 }, timeout: 15 },
    ).run(options);
    expect(run.get("a")).toEqual([2]);
  });

  it("of a consumer happen before it has taken an item", async () => {
    let attempts = 0;
    const dag = new Dag("d");
    dag.node("nums", counting(20));
    dag.node(
      "a",
      { needs: [stream("nums")], retry: { retries: 3, delay: 1 } },
      async (items: AsyncIterable<number>) => {
        if (++attempts < 3) throw new Error("not yet");
        return listOf(items);
      },
    );
    const run = await dag.run(options);
    expect(run.get("a")).toHaveLength(20);
    expect(run.nodes.get("a")?.attempts).toBe(3);
  });

  it("of a consumer that waited for an item in vain lose none", async () => {
    let attempts = 0;
    const dag = new Dag("d");
    dag.node("nums", async function* () {
      await sleep(40);
      yield* [1, 2, 3];
    });
    dag.node(
      "a",
      { needs: [stream("nums")], retry: { retries: 1, delay: 1 }, timeout: 20 },
      async (items: AsyncIterable<number>) => (++attempts === 1 ? listOf(items) : Promise.race([listOf(items)])),
    );
    const run = await dag.run({ ...options, errorStrategy: "continue" });
    // The second attempt has 20 ms of its own, which end after the first item.
    expect(run.nodes.get("a")?.attempts).toBe(2);
    expect([undefined, [1, 2, 3]]).toContainEqual(run.get("a"));
  });

  it("of a consumer do not happen after it has taken an item", async () => {
    const dag = new Dag("d");
    dag.node("nums", counting(20));
    dag.node(
      "a",
      { needs: [stream("nums")], retry: { retries: 3, delay: 1 } },
      async (items: AsyncIterable<number>) => {
        if ((await first(1)(items)).length > 0) throw new Error("after one");
      },
    );
    const run = await dag.run(options);
    expect(run.nodes.get("a")?.attempts).toBe(1);
    expect(run.nodes.get("a")?.status).toBe("failed");
  });
});

describe("A fallback", () => {
  it("of a producer gives its items when there were none before", async () => {
    const run = await dagOf(failingAt(0), { a: listOf }, { fallback: [7, 8] }).run(options);
    expect(run.get("a")).toEqual([7, 8]);
    expect(run.status).toBe("completed");
  });

  it("of a producer comes too late for consumers that have taken items", async () => {
    const dag = dagOf(failingAt(2), { a: listOf }, { fallback: [7, 8] });
    dag.node("plain", { needs: ["nums"] }, (nums: number[]) => nums);
    const run = await dag.run(options);
    expect(run.get("plain")).toEqual([7, 8]);
    expect(run.nodes.get("a")?.error?.message).toMatch(/boom/u);
  });

  it("of a consumer stands in for it, and closes the source", async () => {
    const dag = new Dag("d");
    const log: string[] = [];
    dag.node("nums", counting(Infinity, log));
    dag.node("a", { needs: [stream("nums")], fallback: "none" }, async (items: AsyncIterable<number>) => {
      if ((await first(1)(items)).length > 0) throw new Error("a");
    });
    const run = await dag.run(options);
    expect(run.get("a")).toBe("none");
    expect(log.at(-1)).toBe("p closed");
  });
});

describe("A pause", () => {
  it("in a consumer lets go of the stream; the rest of it ends first", async () => {
    const run = await dagOf(counting(30), {
      asks: async (items: AsyncIterable<number>) => {
        if ((await first(1)(items)).length > 0) throw new PauseRun("ask");
      },
      all: listOf,
    }).run(options);
    expect(run.status).toBe("paused");
    expect(run.get("all")).toHaveLength(30);
    expect(run.pauses).toEqual([expect.objectContaining({ node: "asks", reason: "ask" })]);
  });

  it("in a producer pauses the consumers that let it pass", async () => {
    const run = await dagOf(
      async function* () {
        yield 1;
        throw new PauseRun("ask");
      },
      { all: listOf },
    ).run(options);
    expect(run.status).toBe("paused");
    expect(run.nodes.get("all")?.status).toBe("paused");
    expect(run.errors).toEqual([]);
  });
});
