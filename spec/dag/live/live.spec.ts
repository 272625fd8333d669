import { afterEach, describe, expect, it, vi } from "vitest";
import { CancelledError, Dag, ExecutionError, getContext, type Context } from "dagwright";
import { bills } from "../../support/bills.js";
import { gate, sleep, turns, until } from "../../support/waiting.js";

afterEach(() => void vi.restoreAllMocks());

describe("A live dag", () => {
  it("computes everything once, and then what depends on a change", async () => {
    const { dag, calls, inputs } = bills();
    await using live = dag.live({ inputs });
    expect(live.has("total")).toBe(false);
    await live.settled();
    expect([live.get("net"), live.get("tax"), live.get("total")]).toEqual([20, 10, 30]);
    expect(calls).toEqual(["net", "tax", "total"]);
    calls.length = 0;
    live.set("rate", 1);
    await live.settled();
    expect(live.get("total")).toBe(40);
    expect(calls).toEqual(["tax", "total"]);
  });

  it("takes several inputs as one change, and so the changes of one turn", async () => {
    const { dag, calls, inputs } = bills();
    await using live = dag.live({ inputs });
    await live.settled();
    calls.length = 0;
    live.set({ price: 1, rate: 2 });
    live.set("count", 3);
    await live.settled();
    expect(live.get("total")).toBe(9);
    expect(calls).toEqual(["net", "tax", "total"]);
  });

  it("stops at results that are equal", async () => {
    const { dag, calls, inputs } = bills();
    await using live = dag.live({ inputs });
    await live.settled();
    calls.length = 0;
    live.set({ price: 20, count: 1 });
    await live.settled();
    expect(calls).toEqual(["net"]);
    live.set("price", 20);
    live.set({ price: 20, count: 1 });
    expect(live.status("net")).toBe("completed");
    await live.settled();
    expect(calls).toEqual(["net"]);
  });

  it("compares with the node's equals, and then keeps the result before", async () => {
    const dag = new Dag("d");
    const heard: unknown[] = [];
    const options = { params: ["n"], equals: (before: number[], after: number[]) => before.join() === after.join() };
    const sorted = dag.node("sorted", options, (n: number[]) => [...n].sort());
    dag.node("text", { needs: [sorted] }, (list: number[]) => {
      heard.push(list);
      return list.join("");
    });
    await using live = dag.live({ inputs: { n: [1, 2] } });
    await live.settled();
    const first = live.get("sorted");
    live.set("n", [2, 1]);
    await live.settled();
    expect(live.get("sorted")).toBe(first);
    expect(heard).toHaveLength(1);
    live.set("n", [3]);
    await live.settled();
    expect(live.get("text")).toBe("3");
  });

  it.each<[string, () => unknown, string]>([
    [
      "throws",
      () => {
        throw new Error("odd");
      },
      'The "equals" of node "a" threw: odd. Correct the function.',
    ],
    [
      "returns no boolean",
      () => Promise.resolve(true),
      'The "equals" of node "a" must return a boolean; it returned an object (Promise). Correct the function.',
    ],
  ])("fails a node whose equals %s", async (_what, equals, message) => {
    const dag = new Dag("d");
    dag.node("a", { params: ["n"], equals: equals as () => boolean }, (n: number) => n);
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    live.set("n", 2);
    await live.settled();
    expect(live.errors[0].message).toBe(message);
    expect(live.has("a")).toBe(false);
    live.set("n", 3);
    await live.settled();
    expect(live.get("a")).toBe(3);
  });

  it("runs each node once where ways of a change meet, on results of one moment", async () => {
    const dag = new Dag("diamond");
    const seen: [number, number][] = [];
    const left = dag.node("left", async (n: number) => {
      await turns(n === 2 ? 1 : 20);
      return n;
    });
    const right = dag.node("right", { params: ["n"] }, (n: number) => n);
    dag.node("both", { needs: [left, right] }, (l: number, r: number) => void seen.push([l, r]));
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    live.set("n", 2);
    await live.settled();
    live.set("n", 3);
    await turns(5);
    live.set("n", 2);
    await live.settled();
    expect(seen.every(([l, r]) => l === r)).toBe(true);
    expect(seen.map(([l]) => l)).not.toContain(3);
    expect(seen.at(-1)).toEqual([2, 2]);
  });

  it("aborts a computation that is overtaken, and drops its result", async () => {
    const dag = new Dag("d");
    const { opened, open } = gate();
    const reasons: unknown[] = [];
    let calls = 0;
    dag.node("slow", async (n: number, ctx: Context) => {
      calls++;
      ctx.signal.addEventListener("abort", () => reasons.push(ctx.signal.reason));
      if (n === 1) await opened;
      return n;
    });
    await using live = dag.live({ inputs: { n: 1 } });
    await until(() => calls === 1);
    live.set("n", 2);
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toBeInstanceOf(CancelledError);
    await live.settled();
    expect(live.get("slow")).toBe(2);
    open();
    await sleep(1);
    expect(live.get("slow")).toBe(2);
    expect(live.errors).toEqual([]);
  });

  it("lets computations go on that a change does not concern", async () => {
    const dag = new Dag("d");
    const { opened, open } = gate();
    let calls = 0;
    dag.node("slow", async (a: number) => {
      calls++;
      await opened;
      return a;
    });
    dag.node("quick", (b: number) => b);
    await using live = dag.live({ inputs: { a: 1, b: 1 } });
    await until(() => calls === 1);
    live.set("b", 2);
    await until(() => live.get("quick") === 2);
    expect(live.status("slow")).toBe("running");
    open();
    await live.settled();
    expect([live.get("slow"), calls]).toEqual([1, 1]);
  });

  it("shows the value before while a node is computed", async () => {
    const { dag, inputs } = bills();
    await using live = dag.live({ inputs });
    await live.settled();
    live.set("price", 1);
    expect(live.status("total")).toBe("pending");
    expect(live.get("total")).toBe(30);
    await live.settled();
    expect(live.get("total")).toBe(3);
  });

  it("has no value of a node that fails, skips its dependents, and tries again", async () => {
    const dag = new Dag("d");
    const heard: unknown[] = [];
    let tries = 0;
    const half = dag.node("half", (n: number) => {
      tries++;
      if (n % 2 === 1) throw new Error(`${n} is odd`);
      return n / 2;
    });
    dag.node("text", { needs: [half] }, (h: number) => `half is ${h}`);
    await using live = dag.live({ inputs: { n: 4 } });
    await live.settled();
    live.subscribe("text", (text) => heard.push(text));
    live.set("n", 5);
    await live.settled();
    expect([live.status("half"), live.status("text")]).toEqual(["failed", "skipped"]);
    expect([live.has("half"), live.get("text"), live.get("text", "none")]).toEqual([false, undefined, "none"]);
    expect(live.errors).toHaveLength(1);
    expect(live.errors[0]).toBeInstanceOf(ExecutionError);
    expect(live.errors[0]).toMatchObject({ node: "half", cause: new Error("5 is odd") });
    live.set("n", 8);
    await live.settled();
    expect(live.errors).toEqual([]);
    expect(live.get("text")).toBe("half is 4");
    expect(heard).toEqual([undefined, "half is 4"]);
    expect(tries).toBe(3);
  });

  it("computes a failed node again when its sources were computed, though they are equal", async () => {
    const dag = new Dag("d");
    let isUp = false;
    const parity = dag.node("parity", (n: number) => n % 2);
    dag.node("ask", { needs: [parity] }, (p: number) => {
      if (!isUp) throw new Error("down");
      return p;
    });
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    expect(live.status("ask")).toBe("failed");
    isUp = true;
    live.set("n", 3);
    await live.settled();
    expect(live.get("ask")).toBe(1);
  });

  it("starts with defaults of inputs, which undefined brings back", async () => {
    const dag = new Dag("d");
    dag.node("a", (n = 7) => n);
    await using live = dag.live();
    await live.settled();
    expect(live.get("a")).toBe(7);
    live.set("n", 1);
    await live.settled();
    expect(live.get("a")).toBe(1);
    live.set("n", undefined);
    await live.settled();
    expect(live.get("a")).toBe(7);
  });

  it("gives nodes the inputs of one moment as ctx.inputs", async () => {
    const dag = new Dag("d");
    const { opened, open } = gate();
    dag.node("a", async (a: number, ctx: Context) => {
      const first = ctx.inputs.b;
      await opened;
      return [a, first, ctx.inputs.b, Object.isFrozen(ctx.inputs)];
    });
    dag.node("b", (b: number) => b);
    await using live = dag.live({ inputs: { a: 1, b: 1 } });
    await turns(5);
    live.set("b", 2);
    open();
    await live.settled();
    expect(live.get("a")).toEqual([1, 1, 1, true]);
  });

  it("is known to getContext in its nodes, also after an await", async () => {
    const dag = new Dag<any>("d");
    dag.node("a", async (n: number) => {
      const before = getContext()?.nodeName;
      await turns(2);
      return [n, before, getContext()?.inputs.n];
    });
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    live.set("n", 2);
    await live.settled();
    expect(live.get("a")).toEqual([2, "a", 2]);
  });

  it("may be changed by its own nodes", async () => {
    const dag = new Dag("d");
    let change: (n: number) => void = () => {};
    const seen: number[] = [];
    dag.node("a", (n: number) => {
      seen.push(n);
      if (n < 3) change(n + 1);
      return n;
    });
    await using live = dag.live({ inputs: { n: 1 } });
    change = (n) => live.set("n", n);
    await live.settled();
    expect(seen).toEqual([1, 2, 3]);
    expect(live.get("a")).toBe(3);
  });

  it("lets the event loop turn during a long wave, and takes changes meanwhile", async () => {
    const dag = new Dag("d");
    for (let i = 0; i < 60; i++) {
      dag.node(`n${i}`, { params: ["n"] }, (n: number) => {
        const end = performance.now() + 2;
        while (performance.now() < end);
        return n + i;
      });
    }
    await using live = dag.live({ inputs: { n: 0 } });
    let ticks = 0;
    const timer = setInterval(() => {
      ticks++;
      live.set("n", 100);
    }, 1);
    await live.settled();
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
    expect(live.get("n59")).toBe(159);
  });

  it("is a copy of the definition at that moment", async () => {
    const { dag, inputs } = bills();
    await using live = dag.live({ inputs });
    dag.removeNode("total");
    live.set("price", 1);
    await live.settled();
    expect(live.get("total")).toBe(3);
  });

  it("without nodes has settled", async () => {
    await using live = new Dag("empty").live();
    await live.settled();
    expect(live.errors).toEqual([]);
  });
});

describe("A subscriber", () => {
  it("hears changes, not the present value, until it unsubscribes", async () => {
    const { dag, inputs } = bills();
    await using live = dag.live({ inputs });
    await live.settled();
    const heard: unknown[] = [];
    const stop = live.subscribe("total", (value) => heard.push(value));
    await turns(5);
    expect(heard).toEqual([]);
    live.set("price", 20);
    await live.settled();
    live.set({ price: 10, count: 4 });
    await live.settled();
    expect(heard).toEqual([60]);
    stop();
    stop();
    live.set("price", 1);
    await live.settled();
    expect(heard).toEqual([60]);
  });

  it("does not hear of another branch that passes the same value on", async () => {
    const dag = new Dag<any>("d");
    const heard: unknown[] = [];
    dag.condition("check", { params: ["value", "isOn"] }, (_: number, isOn: boolean) => isOn);
    dag.node("on", { needs: ["check.true"] }, (value: number) => value);
    await using live = dag.live({ inputs: { value: 5, isOn: true } });
    await live.settled();
    live.subscribe("check", (value) => heard.push(value));
    live.subscribe("on", (value) => heard.push(value));
    live.set("isOn", false);
    await live.settled();
    expect([heard, live.status("on")]).toEqual([[undefined], "skipped"]);
  });

  it("sees a consistent dag, and is told before settled() resolves", async () => {
    const { dag, inputs } = bills();
    await using live = dag.live({ inputs });
    await live.settled();
    const heard: unknown[] = [];
    live.subscribe("net", () => heard.push([live.get("net"), live.get("tax"), live.get("total")]));
    live.set("price", 1);
    await live.settled();
    expect(heard).toEqual([[2, 1, 3]]);
  });

  it("may set inputs", async () => {
    const { dag, inputs } = bills();
    await using live = dag.live({ inputs });
    await live.settled();
    live.subscribe("total", (total) => (total as number) < 1000 && live.set("count", (total as number) + 1));
    live.set("count", 3);
    await live.settled();
    expect(live.get("total")).toBeGreaterThanOrEqual(1000);
  });

  it("that throws or rejects harms no other, and becomes a warning", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockReturnValue();
    const { dag, inputs } = bills();
    await using live = dag.live({ inputs });
    const heard: unknown[] = [];
    live.subscribe("total", () => {
      throw new Error("screen");
    });
    live.subscribe("total", () => Promise.reject(new Error("network")));
    live.subscribe("total", (value) => heard.push(value));
    await live.settled();
    expect(heard).toEqual([30]);
    await until(() => warned.mock.calls.length === 2);
    expect(warned.mock.calls).toEqual([
      ['A subscriber of "total" threw: screen', "DagwrightObserverWarning"],
      ['A subscriber of "total" threw: network', "DagwrightObserverWarning"],
    ]);
  });

  it("that another one removes is not called any more", async () => {
    const { dag, inputs } = bills();
    await using live = dag.live({ inputs });
    const heard: string[] = [];
    live.subscribe("net", () => {
      heard.push("first");
      stop();
      live.subscribe("net", () => heard.push("late"));
    });
    const stop = live.subscribe("net", () => heard.push("second"));
    await live.settled();
    expect(heard).toEqual(["first"]);
  });
});
