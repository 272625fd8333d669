import { describe, expect, it } from "vitest";
import { Dag, Fsm, next, stop, stream } from "dagwright";
import { cpuTime } from "../support/cpu-time.js";
import { counting, listOf } from "../support/item-streams.js";

const take = (...items: unknown[]) => items.length;
const errorsOf = (dag: Dag) => dag.validate().filter(({ severity }) => severity === "error");

/** A dag with a generator `nums`, and the messages about it after `extend`. */
function messages(extend: (dag: Dag) => void): string[] {
  const dag = new Dag("d");
  dag.node("nums", counting(3));
  dag.node("plain", () => 1);
  extend(dag);
  return errorsOf(dag).map(({ message }) => message);
}

describe("A stream is refused", () => {
  it("of a node that produces no items, naming those that do", () => {
    const found = messages((dag) => dag.node("c", { needs: [stream("plain")] }, take));
    expect(found).toEqual([
      'Node "c" streams "plain", but "plain" produces no items. In "d" these do: nums. Generators, maps and machines produce items.',
    ]);
  });

  it("of a node that does not exist", () => {
    expect(messages((dag) => dag.node("c", { needs: [stream("numbers")] }, take))[0]).toMatch(/no node "numbers"/u);
  });

  it("of a part of a generator", () => {
    expect(messages((dag) => dag.node("c", { needs: [stream("nums.x")] }, take))[0]).toMatch(/as a whole/u);
  });

  it("of a map that folds its results", () => {
    const found = messages((dag) => {
      dag.map(
        "sum",
        { needs: ["nums"], reduce: { initial: 0, fn: (a: number, b: number) => a + b } },
        (n: number) => n,
      );
      dag.node("c", { needs: [stream("sum")] }, take);
    });
    expect(found[0]).toMatch(/"sum" produces no items/u);
  });

  it("twice for the same node", () => {
    const found = messages((dag) => dag.node("c", { needs: [stream("nums"), stream("nums")] }, (a, b) => take(a, b)));
    expect(found).toEqual(['Node "c" streams "nums" twice. Remove one.']);
  });

  it("beside the whole of the same node", () => {
    const found = messages((dag) => dag.node("c", { needs: [stream("nums"), "nums"] }, (a, b) => take(a, b)));
    expect(found[0]).toMatch(/"c" needs all of "nums".*run at the same time/u);
  });

  it("for nodes that wait for one another", () => {
    const found = messages((dag) => {
      dag.node("a", { needs: [stream("nums")] }, take);
      dag.node("b", { needs: [stream("nums")], after: ["a"] }, take);
    });
    expect(found[0]).toMatch(/Node "b" waits for all of "a"/u);
  });

  it("that would wait for itself in a circle", () => {
    const found = messages((dag) => {
      dag.node("total", { needs: ["nums"] }, take);
      dag.node("c", { needs: [stream("nums"), "total"] }, (a, b) => take(a, b));
    });
    expect(found).toEqual([
      'Workflow "d" has a cycle: nums → total → c → nums. "c" and "nums" run at the same time, connected by a stream. Remove one of these needs, or split a node.',
    ]);
  });

  it("in a circle of streams", () => {
    const dag = new Dag("d");
    dag.node("a", { needs: [stream("b")] }, async function* (b: AsyncIterable<number>) {
      yield* b;
    });
    dag.node("b", { needs: [stream("a")] }, async function* (a: AsyncIterable<number>) {
      yield* a;
    });
    expect(errorsOf(dag).map(({ code }) => code)).toEqual(["CYCLE"]);
  });

  it.each([
    ["cache of a producer", { cache: {} }, /"gen" produces items, so it can't be cached/u],
    ["threads for a producer", { backend: "thread" }, /"gen" produces items, and items don't cross to threads/u],
  ] as const)("with a %s", (_, options, message) => {
    expect(messages((dag) => dag.node("gen", options, counting(3)))[0]).toMatch(message);
  });

  it.each([
    ["cache of a consumer", { cache: {} }, /"c" streams others, so it can't be cached/u],
    ["threads for a consumer", { backend: "thread" }, /"c" streams others, and items don't cross to threads/u],
  ] as const)("with a %s", (_, options, message) => {
    expect(messages((dag) => dag.node("c", { ...options, needs: [stream("nums")] }, take))[0]).toMatch(message);
  });

  it("for forks and any-nodes", () => {
    expect(messages((dag) => dag.condition("c", { needs: [stream("nums")] }, () => true))[0]).toMatch(
      /kind "condition"/u,
    );
    expect(messages((dag) => dag.any("c", { needs: [stream("nums")] }, take))[0]).toMatch(/kind "any"/u);
  });

  it("beside the items of a map", () => {
    const found = messages((dag) => dag.map("m", { needs: ["plain", stream("nums")] }, (a, b) => take(a, b)));
    expect(found[0]).toMatch(/Only its first need can be a stream/u);
  });

  it("between nodes that share a concurrencyKey, which would wait for one another", () => {
    const key = { concurrencyKey: { key: "db", limit: 1 } };
    const found = messages((dag) => {
      dag.node("gen", key, counting(1));
      dag.node("c", { ...key, needs: [stream("gen")] }, take);
    });
    expect(found[0]).toMatch(/"gen" and "c" run at the same time/u);
  });

  it("in runSync", () => {
    const dag = new Dag("d");
    dag.node("nums", counting(3));
    dag.node("c", { needs: [stream("nums")] }, listOf);
    expect(() => dag.runSync()).toThrow(/runSync can't stream/u);
  });
});

describe("A stream of a workflow is refused", () => {
  const outer = (child: Dag | Fsm, need: string): string[] => {
    const dag = new Dag("outer");
    dag.node("feed", child);
    dag.node("c", { needs: [stream(need)] }, take);
    return errorsOf(dag).map(({ message }) => message);
  };
  const feed = new Dag("feed");
  feed.node("rows", counting(3));
  feed.node("count", { needs: ["rows"] }, (rows: number[]) => rows.length);

  it("whose sink produces no items, naming nodes in it that do", () => {
    expect(outer(feed, "feed")[0]).toMatch(/"feed.count" produces no items. In "feed" these do: rows/u);
  });

  it("without the named node", () => {
    expect(outer(feed, "feed.row")[0]).toMatch(/workflow "feed" has no node "row".*"rows"/u);
  });

  it("with several sinks, unless one is named", () => {
    const two = new Dag("two");
    two.node("a", counting(1));
    two.node("b", counting(1));
    expect(outer(two, "feed")[0]).toMatch(/no single sink, but: a, b/u);
    expect(outer(two, "feed.a")).toEqual([]);
  });

  it("for a state of a machine", () => {
    const fsm = new Fsm("f");
    fsm.state("go", { initial: true, to: ["go"] }, () => next("go", 1));
    fsm.state("end", () => stop(1));
    expect(outer(fsm, "feed.go")[0]).toMatch(/"feed" is a machine, whose states can't be streamed/u);
    expect(outer(fsm, "feed")).toEqual([]);
  });
});

describe("A dag with streams", () => {
  const dag = new Dag("d");
  dag.node("x", () => 1);
  dag.node("nums", counting(3));
  dag.node("c", { needs: [stream("nums"), "x"] }, (a, b) => take(a, b));

  it("lists only the edges that users wrote", () => {
    const edge = { output: undefined, optional: false, orderOnly: false, stream: false };
    expect(dag.edges).toEqual([
      { ...edge, from: "x", to: "c" },
      { ...edge, from: "nums", to: "c", stream: true },
    ]);
  });

  it("is drawn with thick arrows for streams", () => {
    expect(dag.toMermaid()).toContain("n1 ==> n2");
    expect(dag.toMermaid()).toContain("n0 --> n2");
    expect(dag.toDot()).toContain("n1 -> n2 [style=bold]");
  });

  it("is planned in time that grows with its size", { tags: "slow" }, async () => {
    const plan = (size: number) => {
      const long = new Dag("long");
      long.node("g0", counting(1));
      for (let i = 1; i < size; i++) {
        long.node(`g${i}`, { needs: [stream(`g${i - 1}`)] }, async function* (items: AsyncIterable<number>) {
          yield* items;
        });
      }
      expect(errorsOf(long)).toEqual([]);
    };
    // With its square, it would take 100 times as long.
    expect(await cpuTime(3, () => plan(20_000))).toBeLessThan(40 * (await cpuTime(5, () => plan(2000))));
  });
});
