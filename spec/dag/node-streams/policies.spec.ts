import { describe, expect, it } from "vitest";
import { Dag, NodeTimeoutError, PauseRun, stream } from "dagwright";
import { counting, dagOf, failingAt, first, listOf, slowly } from "../../support/item-streams.js";
import { refuseUnhandledRejections } from "../../support/unhandled.js";
import { gate, sleep } from "../../support/waiting.js";

const options = { mode: "async", errorStrategy: "continue", timeout: 60_000 } as const;

refuseUnhandledRejections();

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
    const { opened, open } = gate();
    const run = await dagOf(
      async function* () {
        if (++attempts === 1) await opened;
        yield attempts;
      },
      {
        a: async (items: AsyncIterable<number>) => {
          const list = await listOf(items);
          open();
          await sleep(5);
          return list;
        },
      },
      { retry: { retries: 1, delay: 1 }, timeout: 300 },
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

  it("of a consumer that waited for an item in vain lose none, even if items come before the next attempt", async () => {
    let attempts = 0;
    const { opened, open } = gate();
    const dag = new Dag("d");
    dag.node("nums", async function* () {
      await opened;
      yield* [1, 2, 3];
    });
    dag.node(
      "a",
      { needs: [stream("nums")], retry: { retries: 1, delay: 20 } },
      async (items: AsyncIterable<number>) => {
        if (++attempts === 2) return listOf(items);
        void listOf(items);
        setTimeout(open, 5);
        throw new Error("not yet");
      },
    );
    const run = await dag.run({ ...options, errorStrategy: "continue" });
    expect(run.get("a")).toEqual([1, 2, 3]);
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

  it("of a producer that exceeded its timeout is its result, also once the generator has ended", async () => {
    const { opened, open } = gate();
    const dag = dagOf(
      async function* () {
        await opened;
        yield 1;
      },
      {
        a: async (items: AsyncIterable<number>) => {
          const list = await listOf(items);
          open();
          await sleep(5);
          return list;
        },
      },
      { timeout: 10, fallback: [7, 8] },
    );
    const run = await dag.run(options);
    expect([run.get("a"), run.get("nums")]).toEqual([
      [7, 8],
      [7, 8],
    ]);
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
