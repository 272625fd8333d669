import { describe, expect, it } from "vitest";
import { ClosedError, Dag, MissingInputError, ValidationError, type Context, type NodeSpec } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { bills } from "../../support/bills.js";
import { never, sleep, turns, until } from "../../support/waiting.js";

describe("Closing a live dag", () => {
  it("aborts what is computed, keeps results, and settles", async () => {
    const dag = new Dag("d");
    let reason: unknown;
    dag.node("quick", (a: number) => a);
    dag.node("slow", { params: ["b"] }, (_: number, ctx: Context) => {
      ctx.signal.addEventListener("abort", () => (reason = ctx.signal.reason));
      return never();
    });
    const live = dag.live({ inputs: { a: 1, b: 1 } });
    await until(() => live.status("slow") === "running");
    const settled = live.settled();
    await Promise.all([live.close(), live.close(), settled]);
    expect((reason as Error).message).toBe('The live dag of "d" was closed.');
    expect([live.get("quick"), live.status("quick"), live.status("slow")]).toEqual([1, "completed", "cancelled"]);
    await live.settled();
  });

  it.each(["close", "await using"])("waits for hooks and for runs inside, by %s", async (how) => {
    const log: string[] = [];
    const opened = new Set<string>();
    const hooks = { cleanup: ({ name }: NodeSpec) => turns(20).then(() => void log.push(name)) };
    const open = (name: string) => () => {
      opened.add(name);
      return never();
    };
    const leaf = (name: string) => {
      const dag = new Dag<any>(name);
      dag.node(name, { hooks }, open(name));
      return dag;
    };
    const around = new Dag<any>("around");
    around.node("begins", (ctx: Context) => ctx.run(leaf("deep")));
    const dag = new Dag<any>("d");
    dag.node("contains", leaf("contained"));
    dag.node("nests", around);
    dag.node("calls", async (ctx: Context) => Promise.all([ctx.run(leaf("called")), ctx.run(leaf("too"))]));
    const items = dag.node("items", () => [1]);
    dag.map("each", { needs: [items] }, (_: number, ctx: Context) => ctx.run(leaf("item")));
    dag.node("own", { hooks }, open("own"));
    const begun = ["called", "contained", "deep", "item", "own", "too"];
    const live = dag.live();
    await until(() => opened.size === begun.length);
    if (how === "close") await live.close();
    else {
      await using closing = live;
      expect(closing.status("own")).toBe("running");
    }
    expect(log.toSorted()).toEqual(begun);
  });

  it("waits for what was overtaken before", async () => {
    const log: unknown[] = [];
    const inner = new Dag<any>("inner");
    inner.node(
      "a",
      { hooks: { cleanup: (_, { inputs }) => turns(20).then(() => void log.push(inputs.n)) } },
      (n: number, ctx: Context) => {
        log.push(`begins ${n}`);
        ctx.signal.addEventListener("abort", () => log.push(`aborts ${n}`));
        return never();
      },
    );
    const dag = new Dag<any>("d");
    dag.node("contains", inner);
    const live = dag.live({ inputs: { n: 1 } });
    await until(() => log.includes("begins 1"));
    live.set("n", 2);
    await live.close();
    expect(log).toEqual(["begins 1", "aborts 1", 1]);
  });

  it("refuses set, follow and subscribe from then on", () => {
    const { dag, inputs } = bills();
    const live = dag.live({ inputs });
    void live.close();
    const message = 'This live dag of "bill" is closed, so set has no effect. Make another one.';
    expect(() => live.set("price", 1)).toThrow(new ClosedError(message));
    expect(() => live.set({ price: 1 })).toThrow(ClosedError);
    expect(() => live.follow("price", [1])).toThrow(ClosedError);
    expect(() => live.subscribe("total", () => {})).toThrow(ClosedError);
  });

  it("is done by await using, and in the turn of its creation nothing runs", async () => {
    const { dag, calls, inputs } = bills();
    {
      await using live = dag.live({ inputs });
      expect(live.status("net")).toBe("pending");
    }
    await sleep(1);
    expect(calls).toEqual([]);
  });

  it("may be done by a node, a subscriber, or a listener of a signal", async () => {
    const dag = new Dag("d");
    let close = async (): Promise<void> => {};
    dag.node("a", (n: number) => {
      if (n === 2) void close();
      return n;
    });
    dag.node("b", { needs: ["a"] }, (a: number) => a);
    const live = dag.live({ inputs: { n: 1 } });
    close = () => live.close();
    await live.settled();
    live.set("n", 2);
    await live.settled();
    expect([live.get("a"), live.status("b")]).toEqual([1, "cancelled"]);
    const other = dag.live({ inputs: { n: 1 } });
    other.subscribe("a", () => void other.close());
    await other.settled();
    expect(other.status("b")).toBe("completed");
  });
});

describe("A live dag refuses", () => {
  const { dag, inputs } = bills();
  const refused = (options: object, of: Dag = dag) => {
    try {
      of.live(options);
    } catch (error) {
      return error as Error;
    }
    throw new Error("It was not refused.");
  };

  it.each<[object, string]>([
    [{ inputs: { price: 1 } }, 'Workflow "bill" lacks input "count" of node "net"'],
    [{ inputs: { ...inputs, prise: 1 } }, 'Workflow "bill" takes no input "prise". Did you mean "price"?'],
    [{ inputs, mode: "asinc" }, 'Did you mean "async"?'],
    [
      { inputs, store: {} },
      'Unknown option "store" of a live dag. Use runs, since a live dag is not recorded instead.',
    ],
    [{ inputs, observers: [] }, 'Unknown option "observers" of a live dag. Use subscribe instead.'],
    [{ inputs, executor: "level" }, 'Unknown option "executor" of a live dag.'],
  ])("the options %o", (options, message) => {
    expect(refused(options).message).toContain(message);
  });

  it("an invalid dag, a default store, and inputsTimeout", () => {
    const cyclic = new Dag("cyclic");
    cyclic.node("a", { needs: ["a2"] }, (x: unknown) => x);
    expect(refused({}, cyclic)).toBeInstanceOf(ValidationError);
    const late = new Dag("late");
    late.node("a", { inputsTimeout: 5 }, () => 1);
    expect(refused({}, late).message).toContain('can\'t have the inputsTimeout of "a"');
    const recorded = new Dag("recorded", { runOptions: { store: sqliteStore(":memory:") } });
    expect(refused({}, recorded).message).toMatch(
      /^A live dag is not recorded, but the "runOptions" of its dag have a/u,
    );
    expect(refused({ inputs: {} })).toBeInstanceOf(MissingInputError);
  });

  it("inputs, nodes and sources that do not exist", async () => {
    await using live = dag.live({ inputs });
    const bad = live as unknown as Record<string, (...args: unknown[]) => unknown>;
    expect(() => bad.set("prise", 1)).toThrow('Workflow "bill" takes no input "prise". Did you mean "price"?');
    expect(() => bad.set({ price: 2, prise: 1 })).toThrow('Did you mean "price"?');
    expect(() => bad.set(5)).toThrow('"inputs" must be an object; received 5.');
    expect(() => bad.status("totl")).toThrow('Workflow "bill" has no node "totl". Did you mean "total"?');
    expect(() => bad.subscribe("totl", () => {})).toThrow('Did you mean "total"?');
    expect(() => bad.subscribe("total", 5)).toThrow('"subscriber" must be a function; received 5.');
    expect(() => bad.follow("prise", [])).toThrow('Did you mean "price"?');
    expect(() => bad.follow("price", "text")).toThrow('What input "price" follows must be an iterable');
    await live.settled();
    // What was refused changed nothing.
    expect(live.get("total")).toBe(30);
  });
});
