import { describe, expect, it } from "vitest";
import { Dag, type Context } from "dagwright";
import { all, counted, doubling, forever, leave, numbers } from "../../support/streams.js";
import { meeting } from "../../support/meeting.js";
import { failure, sleep } from "../../support/waiting.js";

describe("nodeConcurrency", () => {
  /** A dag whose fetches wait until `count` of them are in flight. */
  function gauged(count: number) {
    const dag = new Dag("d");
    const { seen, attend } = meeting(count);
    const fetch = dag.node("fetch", { params: ["n"] }, (n: number) => attend(n));
    dag.node("parse", { needs: [fetch] }, async (n: number) => (await sleep(1), n));
    return { dag, seen };
  }

  it("limits a node over all items", async () => {
    const { dag, seen } = gauged(2);
    const options = { input: "n", values: true, concurrency: 8, nodeConcurrency: { fetch: 2 } } as const;
    expect(await all(dag.stream(numbers(24), options))).toEqual(numbers(24));
    expect(seen.most).toBe(2);
  });

  it("limits every stream by itself, and leaves other runs alone", async () => {
    const { dag, seen } = gauged(3);
    const stream = () => all(dag.stream(numbers(6), { input: "n", nodeConcurrency: { fetch: 1 } }));
    await Promise.all([stream(), stream(), dag.run({ inputs: { n: 1 } })]);
    expect(seen.most).toBe(3);
  });

  it("adds to the node's own concurrency key and retries", async () => {
    const dag = new Dag("d");
    const { seen, attend } = meeting(2);
    const failed = new Set<number>();
    const options = {
      params: ["n"],
      concurrencyKey: { key: "stream-spec", limit: 3 },
      retry: { retries: 1, delay: 1 },
    };
    dag.node("a", options, async (n: number) => {
      await attend();
      if (failed.has(n)) return n;
      failed.add(n);
      throw new Error("once");
    });
    const values = await all(dag.stream(numbers(10), { input: "n", values: true, nodeConcurrency: { a: 2 } }));
    expect(values).toEqual(numbers(10));
    expect(seen.most).toBe(2);
  });

  it("counts a node that waits for a run inside", async () => {
    const { seen, attend } = meeting(2);
    const inner = new Dag("inner");
    inner.node("slow", () => attend());
    const dag = new Dag("d");
    dag.node("a", { params: ["n", "ctx"] }, async (n: number, ctx: Context) => {
      await ctx.run(inner);
      return n;
    });
    const values = await all(dag.stream(numbers(12), { input: "n", values: true, nodeConcurrency: { a: 2 } }));
    expect(values).toEqual(numbers(12));
    expect(seen.most).toBe(2);
  });

  it("lets go of its permits when runs are cancelled while they wait", async () => {
    const { dag } = gauged(1);
    await leave(dag.stream(forever(), { input: "n", nodeConcurrency: { fetch: 1, parse: 1 } }));
    expect((await dag.run({ inputs: { n: 3 } })).value).toBe(3);
  });

  it("applies to nodes that are removed meanwhile no more", async () => {
    const { dag } = gauged(1);
    const read: unknown[] = [];
    for await (const { run } of dag.stream(numbers(3), { input: "n", concurrency: 1, nodeConcurrency: { parse: 1 } })) {
      read.push(run.value);
      if (dag.nodes.has("parse")) dag.removeNode("parse");
    }
    expect(read).toEqual([0, 1, 2]);
  });
});

describe("Options of a stream", () => {
  const fails = (options: object, source: unknown, dag: Dag = doubling()) => {
    try {
      dag.stream(source as Iterable<object>, options as object);
    } catch (error) {
      return error as Error;
    }
    throw new Error("It was not refused.");
  };

  it.each<[object, string]>([
    [{ concurrency: 0 }, '"concurrency" must be a whole number, from 1 to 1000000; received 0.'],
    [{ concurrency: Infinity }, '"concurrency" must be a whole number, from 1 to 1000000; received Infinity.'],
    [{ nodeConcurrency: 2 }, '"nodeConcurrency" must be an object; received 2.'],
    [{ nodeConcurrency: { read: 0 } }, '"nodeConcurrency.read" must be a whole number, at least 1; received 0.'],
    [{ nodeConcurrency: { raed: 1 } }, 'Workflow "doubling" has no node "raed". Did you mean "read"?'],
    [{ ordered: 1 }, '"ordered" must be a boolean; received 1.'],
    [{ onItemError: "stop" }, 'must be one of "fail", "skip", "deadLetter"; received "stop". Use "fail" instead.'],
    [{ onItemError: "deadLetter" }, '"onItemError" of a stream needs "deadLetter", a function, as well.'],
    [{ deadLetter: () => {} }, '"deadLetter" of a stream needs "onItemError", "deadLetter", as well.'],
    [{ runId: "x" }, '"runId" must be a function; received "x".'],
    [{ input: "m" }, 'Workflow "doubling" takes no input "m".'],
    [{ inputs: { m: 1 } }, 'Workflow "doubling" takes no input "m".'],
    [{ mode: "asinc" }, 'Did you mean "async"?'],
    [{ from: "x" }, 'Unknown option "from" of a stream.'],
    [{ order: true }, 'Unknown option "order" of a stream. Did you mean "ordered"?'],
    [{ overrides: { raed: 1 } }, 'Workflow "doubling" has no node "raed". Did you mean "read"?'],
  ])("%o are refused before anything is pulled", (options, message) => {
    const { seen, source } = counted([1]);
    expect(fails(options, source).message).toContain(message);
    expect(seen.pulled).toBe(0);
  });

  it.each([["text"], [5], [null], [undefined], [{}]])("the source %o is refused", (source) => {
    expect(fails({}, source).message).toMatch(
      /^The source of a stream must be an iterable, an async iterable, a Readable or a ReadableStream; received /u,
    );
  });

  it("an invalid dag, and an input that no item gives, are refused", () => {
    const cyclic = new Dag("cyclic");
    cyclic.node("a", { needs: ["b"] }, (b: unknown) => b);
    cyclic.node("b", { needs: ["a"] }, (a: unknown) => a);
    expect(fails({}, [], cyclic).name).toBe("CycleError");
    const two = new Dag("two");
    two.node("sum", (a: number, b: number) => a + b);
    expect(fails({ input: "a" }, [], two).name).toBe("MissingInputError");
  });

  it("runId gives runs their ids", async () => {
    const items = await all(doubling().stream(numbers(3), { input: "n", runId: (index) => `run-${index}` }));
    expect(items.map(({ run }) => run.runId)).toEqual(["run-0", "run-1", "run-2"]);
    const bad = all(doubling().stream([1], { input: "n", runId: () => undefined as unknown as string }));
    expect((await failure(bad)).message).toContain('"runId" must be a non-empty string; received undefined.');
    const throws = () => {
      throw new Error("no id");
    };
    expect((await failure(all(doubling().stream([1], { input: "n", runId: throws })))).index).toBe(0);
  });
});
