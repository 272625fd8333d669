import { describe, expect, it } from "vitest";
import { Dag, Fsm, next, route, stop, stream, subworkflow, type Context, type Item } from "dagwright";
import { gate, never, sleep, turns, until } from "../../support/waiting.js";

/** A workflow of two nodes; `called` has the names of its nodes as they are called. */
function checking(called: string[] = []) {
  const check = new Dag<any>("check");
  check.node("verify", (order: number) => {
    called.push("verify");
    if (order < 0) throw new Error("no order");
    return order % 10;
  });
  check.node("verdict", { needs: ["verify"] }, (digit: number) => {
    called.push("verdict");
    return digit > 4;
  });
  return check;
}

describe("In a live dag, a workflow", () => {
  it("runs once a change, and its results can be read and needed", async () => {
    const called: string[] = [];
    const dag = new Dag<any>("orders");
    dag.node("check", checking(called));
    dag.node("text", { needs: ["check", "check.verify"] }, (ok: boolean, digit: number) => {
      called.push("text");
      return `${digit}: ${ok}`;
    });
    await using live = dag.live({ inputs: { order: 17 } });
    await live.settled();
    expect([live.get("check"), live.get("check.verify"), live.get("text")]).toEqual([true, 7, "7: true"]);
    expect([live.has("check.verdict"), live.has("check.nothing")]).toEqual([true, false]);
    called.length = 0;
    live.set("order", 3);
    await live.settled();
    expect([live.get("check.verify"), live.get("text")]).toEqual([3, "3: false"]);
    expect(called).toEqual(["verify", "verdict", "text"]);
  });

  it("has what needs a result inside computed again, though its own result is equal", async () => {
    const dag = new Dag<any>("orders");
    const heard: unknown[] = [];
    dag.node("check", checking());
    dag.node("digit", { needs: ["check.verify"] }, (digit: number) => digit);
    await using live = dag.live({ inputs: { order: 7 } });
    await live.settled();
    live.subscribe("check", (ok) => heard.push(ok));
    live.set("order", 8);
    await live.settled();
    expect([live.get("check"), live.get("digit"), heard]).toEqual([true, 8, []]);
  });

  it("that is overtaken is cancelled, and its results are dropped", async () => {
    const { opened, open } = gate();
    const ended: unknown[] = [];
    const inner = new Dag<any>("inner");
    inner.node("slow", async (n: number, ctx: Context) => {
      ctx.signal.addEventListener("abort", () => ended.push(n));
      if (n === 2) await opened;
      return n;
    });
    inner.node("after", { needs: ["slow"] }, (n: number) => void ended.push(`after ${n}`));
    const dag = new Dag<any>("outer");
    dag.node("in", inner);
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    live.set("n", 2);
    await turns(20);
    expect(live.get("in.slow")).toBe(1);
    live.set("n", 3);
    await live.settled();
    open();
    await sleep(1);
    expect([live.get("in.slow"), live.errors]).toEqual([3, []]);
    expect(ended).toEqual(["after 1", 2, "after 3"]);
  });

  it("that fails tells the way, and keeps no value", async () => {
    const dag = new Dag<any>("orders");
    dag.node("check", checking());
    await using live = dag.live({ inputs: { order: -1 } });
    await live.settled();
    expect([live.status("check"), live.has("check"), live.has("check.verify")]).toEqual(["failed", false, false]);
    expect(live.errors[0]).toMatchObject({ path: ["check", "verify"] });
    live.set("order", 5);
    await live.settled();
    expect([live.get("check.verdict"), live.errors]).toEqual([true, []]);
  });

  it("has retries, caches and a mode, as in a run", async () => {
    const called: string[] = [];
    const dag = new Dag<any>("orders");
    dag.node("check", { cache: {} }, checking(called));
    await using live = dag.live({ inputs: { order: 1 }, mode: "sequential" });
    for (const order of [2, 1, 2]) {
      await live.settled();
      live.set("order", order);
    }
    await live.settled();
    expect(called).toHaveLength(4);
    let tries = 0;
    const inner = new Dag<any>("inner");
    inner.node("a", (n: number) => {
      if (++tries % 2 === 1) throw new Error("once more");
      return n;
    });
    const outer = new Dag<any>("outer");
    outer.node("in", { retry: 1 }, inner);
    await using other = outer.live({ inputs: { n: 1 } });
    await other.settled();
    expect([other.get("in"), tries]).toEqual([1, 2]);
  });

  it.each([1, 2])("shares the permits of the live dag: concurrency %o", async (concurrency) => {
    let inFlight = 0;
    let most = 0;
    const work = async (n: number) => {
      most = Math.max(most, ++inFlight);
      await turns(3);
      inFlight--;
      return n;
    };
    const inner = new Dag<any>("inner");
    for (const name of ["a", "b", "c"]) inner.node(name, { params: ["n"] }, work);
    const dag = new Dag<any>("outer");
    dag.node("in", inner);
    const middle = new Dag<any>("middle");
    middle.node("deep", inner);
    dag.node("nested", middle);
    for (const name of ["x", "y"]) dag.node(name, { params: ["n"] }, work);
    dag.map("each", { needs: [dag.node("list", { params: ["n"] }, (n: number) => [n, n, n])] }, work);
    await using live = dag.live({ inputs: { n: 1 }, concurrency });
    await live.settled();
    live.set("n", 2);
    await live.settled();
    expect([live.errors, most]).toEqual([[], concurrency]);
    expect(live.get("nested.deep.a")).toBe(2);
  });

  it("may be a machine, or one that a node begins", async () => {
    const machine = new Fsm<any>("machine");
    machine.state("count", { initial: true, to: ["count"] }, (n: number) => (n < 10 ? next("count", n * 2) : stop(n)));
    const dag = new Dag<any>("outer");
    dag.node("in", machine);
    dag.node("begun", async (n: number, ctx: Context) => (await ctx.run(checking(), { inputs: { order: n } })).value);
    await using live = dag.live({ inputs: { n: 3 }, concurrency: 1 });
    await live.settled();
    expect([live.get("in"), live.get("begun"), live.errors]).toEqual([12, false, []]);
    live.set("n", 5);
    await live.settled();
    expect([live.get("in"), live.get("begun")]).toEqual([10, true]);
  });

  it("ends with the live dag", async () => {
    const aborted: string[] = [];
    let begun = 0;
    const hang = (name: string) => async (_: unknown, ctx: Context) => {
      begun++;
      ctx.signal.addEventListener("abort", () => aborted.push(name));
      return never();
    };
    const inner = new Dag<any>("inner");
    inner.node("in", { params: ["n"] }, hang("in"));
    const dag = new Dag<any>("outer");
    dag.node("workflow", inner);
    dag.node("begun", { params: ["n"] }, (n: number, ctx: Context) => ctx.run(inner, { inputs: { n } }));
    dag.node("list", { params: ["n"] }, (n: number) => [n, n]);
    dag.map("map", { needs: ["list"] }, hang("item"));
    const live = dag.live({ inputs: { n: 1 } });
    await until(() => begun === 4);
    const settled = live.settled();
    await live.close();
    await settled;
    expect(aborted.sort()).toEqual(["in", "in", "item", "item"]);
    expect(["workflow", "begun", "map"].map((name) => live.status(name))).toEqual(Array(3).fill("cancelled"));
  });
});

describe("In a live dag, a map", () => {
  function squares(called: number[] = []) {
    const dag = new Dag<any>("squares");
    dag.node("list", (numbers: number[]) => numbers);
    dag.map("square", { needs: ["list"] }, (n: Item<number>) => {
      called.push(n);
      if (n < 0) throw new Error(`${n} is negative`);
      return n * n;
    });
    dag.node("sum", { needs: ["square"] }, (list: number[]) => list.reduce((a, b) => a + b, 0));
    return dag;
  }

  it("is computed for each item, and tells which one failed", async () => {
    await using live = squares().live({ inputs: { numbers: [1, 2, 3] } });
    await live.settled();
    expect([live.get("square"), live.get("sum")]).toEqual([[1, 4, 9], 14]);
    live.set("numbers", [1, -2]);
    await live.settled();
    expect(live.status("sum")).toBe("skipped");
    expect(live.errors[0].message).toContain("square[1]");
    live.set("numbers", []);
    await live.settled();
    expect([live.get("square"), live.get("sum"), live.errors]).toEqual([[], 0, []]);
  });

  it("runs a workflow for each item, whose results can be read", async () => {
    const dag = new Dag<any>("orders");
    dag.node("list", (numbers: number[]) => numbers);
    dag.map("check", { needs: ["list"] }, subworkflow(checking()));
    await using live = dag.live({ inputs: { numbers: [3, 7] } });
    await live.settled();
    expect([live.get("check"), live.get("check[1].verify")]).toEqual([[false, true], 7]);
    live.set("numbers", [8]);
    await live.settled();
    expect([live.get("check[0].verify"), live.has("check[1].verify")]).toEqual([8, false]);
  });

  it("that is overtaken lets go of its permits, with items in flight and waiting", async () => {
    const begun: number[] = [];
    const dag = new Dag<any>("d");
    dag.node("list", (n: number) => [n, n + 1, n + 2, n + 3]);
    dag.map("each", { needs: ["list"] }, async (n: Item<number>) => {
      begun.push(n);
      return n < 20 ? never() : n;
    });
    dag.map("managed", { needs: ["list"], retry: 1 }, async (n: Item<number>) => (n < 20 ? never() : n));
    dag.node("other", { params: ["n"] }, async (n: number) => n);
    await using live = dag.live({ inputs: { n: 1 }, concurrency: 2 });
    await until(() => begun.length > 0);
    live.set("n", 10);
    await sleep(1);
    live.set("n", 20);
    await live.settled();
    expect([live.get("each"), live.get("managed"), live.get("other")]).toEqual([
      [20, 21, 22, 23],
      [20, 21, 22, 23],
      20,
    ]);
  });
});

describe("In a live dag, a choice", () => {
  function choosing() {
    const called: string[] = [];
    const dag = new Dag<any>("d");
    const node = (name: string, params: string[]) =>
      dag.node(name, { params }, (...values: unknown[]) => {
        called.push(name);
        return `${name} ${values.slice(0, params.length).join()}`;
      });
    node("cheap", ["n"]);
    node("dear", ["n"]);
    dag.node("isBig", { params: ["n"] }, (n: number) => n > 10);
    dag.when("offer", { if: "isBig", then: "dear", else: "cheap" } as never);
    return { dag, called };
  }

  it("computes only the branch that it takes, and what leads to it", async () => {
    const { dag, called } = choosing();
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    expect([live.get("offer"), live.status("dear"), called]).toEqual(["cheap 1", "skipped", ["cheap"]]);
    live.set("n", 2);
    await live.settled();
    expect([live.get("offer"), called]).toEqual(["cheap 2", ["cheap", "cheap"]]);
    live.set("n", 11);
    await live.settled();
    expect([live.get("offer"), live.status("cheap"), live.has("cheap")]).toEqual(["dear 11", "skipped", false]);
    expect(called).toEqual(["cheap", "cheap", "dear"]);
  });

  it("aborts a branch that is not taken any more", async () => {
    const aborted: number[] = [];
    const dag = new Dag<any>("d");
    dag.node("isOn", { params: ["on"] }, (on: boolean) => on);
    dag.node("slow", async (n: number, ctx: Context) => {
      ctx.signal.addEventListener("abort", () => aborted.push(n));
      return never();
    });
    dag.guard("guarded", { if: "isOn", then: "slow" } as never);
    await using live = dag.live({ inputs: { on: true, n: 1 } });
    await until(() => live.status("slow") === "running");
    live.set("on", false);
    await live.settled();
    expect([aborted, live.status("guarded"), live.status("slow")]).toEqual([[1], "skipped", "skipped"]);
  });

  it("goes on to the next candidate only when one gave nothing, and handles failures", async () => {
    const called: string[] = [];
    const dag = new Dag<any>("d");
    dag.node("cache", (n: number) => {
      if (n === 0) throw new Error("no cache");
      return n > 5 ? n : null;
    });
    dag.node("server", { params: ["n"] }, (n: number) => {
      called.push("server");
      return -n;
    });
    dag.coalesce("value", ["cache", "server"] as never);
    await using live = dag.live({ inputs: { n: 9 } });
    await live.settled();
    expect([live.get("value"), called]).toEqual([9, []]);
    live.set("n", 2);
    await live.settled();
    expect([live.get("value"), called]).toEqual([-2, ["server"]]);
    live.set("n", 0);
    await live.settled();
    expect([live.get("value"), live.status("cache"), live.errors]).toEqual([-0, "failed", []]);
  });

  it("may be a switch, with functions and workflows", async () => {
    const dag = new Dag<any>("d");
    dag.node("pick", (n: number) => route(n < 0 ? "check" : "double", Math.abs(n)));
    dag.switch("sent", { needs: ["pick"], cases: { double: (n: number) => n * 2, check: checking() } } as never);
    await using live = dag.live({ inputs: { n: 4 }, concurrency: 1 });
    await live.settled();
    expect(live.get("sent")).toBe(8);
    live.set("n", -7);
    await live.settled();
    expect([live.get("sent"), live.get("sent.verify"), live.errors]).toEqual([true, 7, []]);
    live.set("n", 7);
    await live.settled();
    expect([live.get("sent"), live.has("sent.verify")]).toEqual([14, false]);
  });
});

describe("In a live dag, a generator", () => {
  it("gives its items as a list, and is ended when it is overtaken", async () => {
    const ended: number[] = [];
    const dag = new Dag<any>("d");
    dag.node("count", function* (n: number) {
      for (let i = 0; i < n; i++) yield i;
    });
    dag.node("slow", { params: ["n"] }, async function* (n: number) {
      try {
        for (let i = 0; i < n; i++) {
          yield i;
          if (n === 5) await turns(20);
        }
      } finally {
        ended.push(n);
      }
    });
    await using live = dag.live({ inputs: { n: 2 } });
    await live.settled();
    expect([live.get("count"), live.get("slow")]).toEqual([
      [0, 1],
      [0, 1],
    ]);
    live.set("n", 5);
    await turns(10);
    live.set("n", 3);
    await live.settled();
    expect([live.get("count"), live.get("slow")]).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    await until(() => ended.includes(5));
  });

  it("can't be streamed", () => {
    const dag = new Dag<any>("d");
    dag.node("rows", function* () {
      yield 1;
    });
    dag.node("count", { needs: [stream("rows")] }, async (rows: AsyncIterable<number>) => rows);
    expect(() => dag.live()).toThrow(
      'A live dag of "d" can\'t have the streams that "count" takes: it keeps results, not items on their way. ' +
        "Need the whole result, without stream().",
    );
  });
});
