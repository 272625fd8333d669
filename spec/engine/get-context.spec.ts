import { describe, expect, it } from "vitest";
import {
  Dag,
  Fsm,
  Scheduler,
  getContext,
  next,
  node,
  stop,
  waitForEvent,
  type Context,
  type FsmContext,
  type RunOptions,
} from "dagwright";
import { sqliteStore } from "dagwright/store";
import { sleep } from "../support/waiting.js";

/** What a helper sees that gets no context from its caller. */
function where(): string {
  const context = getContext();
  return context === undefined ? "nowhere" : `${context.workflow}.${context.nodeName}`;
}

/** A diamond whose nodes note where they are, before and after awaits. */
function diamond(options: object = {}) {
  const dag = new Dag("diamond");
  const wrong: string[] = [];
  const note = (name: string) => {
    if (where() !== `diamond.${name}`) wrong.push(`${where()} instead of ${name}`);
  };
  const add = (name: string, needs: string[]) =>
    dag.node(name, { needs, ...options }, async () => {
      note(name);
      await sleep(Math.random() * 3);
      note(name);
      await Promise.resolve();
      note(name);
      return name;
    });
  add("a", []);
  for (const name of ["b", "c", "d"]) add(name, ["a"]);
  dag.node("e", { after: ["b", "c", "d"], ...options }, () => note("e"));
  return { dag, wrong };
}

describe("getContext", () => {
  it("gives the context inside a node, before and after awaits, and undefined elsewhere", async () => {
    expect(getContext()).toBeUndefined();
    const { dag, wrong } = diamond();
    await dag.run();
    await dag.run({ mode: "async" });
    expect(wrong).toEqual([]);
    expect(getContext()).toBeUndefined();
    dag.runUntil("a").catch(() => {});
    expect(getContext()).toBeUndefined();
  });

  it.each<[string, object, RunOptions]>([
    ["level", {}, { executor: "level" }],
    ["reactive", {}, { executor: "reactive" }],
    ["limited", {}, { concurrency: 1 }],
    ["scheduled", {}, { scheduler: new Scheduler({ maxConcurrency: 2 }) }],
    ["retried", { retry: 1 }, {}],
    ["timed", { timeout: 1000, fallback: 0 }, {}],
    ["hooked", {}, { hooks: { preExecute: async () => void (await sleep(1)) } }],
    ["observed", {}, { observers: [() => {}] }],
  ])("works in runs that are %s, and in several at once", async (_, options, run) => {
    const { dag, wrong } = diamond(options);
    await Promise.all([1, 2, 3].map(() => dag.run({ mode: "async", ...run })));
    expect(wrong).toEqual([]);
  });

  it("is the context that the parameter has", async () => {
    const dag = new Dag("same");
    const checks: boolean[] = [];
    dag.node("plain", async (ctx: Context) => {
      const first = getContext();
      first!.metadata.seen = true;
      await sleep(1);
      checks.push(getContext() === first, ctx.metadata.seen === true, first?.runId === ctx.runId);
    });
    dag.node("managed", { retry: { retries: 1, delay: 0 } }, (ctx: Context) => {
      checks.push(getContext() === ctx, getContext()?.attempt === ctx.attempt);
      if (ctx.attempt === 1) throw new Error("again");
    });
    await dag.run({ mode: "async" });
    expect(checks).toEqual(Array.from({ length: 7 }, () => true));
  });

  it("gives each item of a map its own", async () => {
    getContext();
    const dag = new Dag<any>("mapped");
    dag.node("list", () => ["a", "b"]);
    const seen = async () => {
      const { nodeName, item } = getContext() as Context;
      await sleep(1);
      return `${nodeName} ${item?.index} ${getContext()?.item?.index}`;
    };
    dag.map("out", { needs: ["list"] }, () => seen());
    for (const store of [undefined, sqliteStore(":memory:")]) {
      const run = await dag.run({ mode: "async", store });
      expect(run.get("out")).toEqual(["out 0 0", "out 1 1"]);
      await store?.close();
    }
  });

  it("tells nested runs apart", async () => {
    const seen: string[] = [];
    const inner = new Dag("inner");
    inner.node("x", () => seen.push(where()));
    inner.node("y", { needs: ["x"] }, async () => {
      await sleep(1);
      seen.push(where());
    });
    const sync = new Dag("sync");
    sync.node("z", () => void seen.push(where()));
    const outer = new Dag("outer");
    outer.node("o", async () => {
      sync.runSync();
      seen.push(where());
      await inner.run();
      seen.push(where());
    });
    await outer.run();
    expect(seen).toEqual(["sync.z", "outer.o", "inner.x", "inner.y", "outer.o"]);
  });

  it("is undefined again when a node has thrown", async () => {
    const dag = new Dag("throwing");
    dag.node("n", () => {
      if (where() !== "throwing.n") return "wrong";
      throw new Error("no");
    });
    expect(() => dag.runSync()).toThrow("no");
    expect(getContext()).toBeUndefined();
    await expect(dag.run()).rejects.toThrow("no");
    expect(getContext()).toBeUndefined();
  });

  it("works in states, after waits as well, and in methods", async () => {
    const seen: unknown[] = [];
    const fsm = new Fsm("machine");
    const note = () => seen.push([where(), (getContext() as unknown as FsmContext).cycle]);
    fsm.state("first", { initial: true }, () => (note(), next("second", 1)));
    fsm.state("second", async (n: number) => {
      await sleep(n);
      note();
      return waitForEvent({ GO: "third" });
    });
    fsm.state("third", { retry: 1 }, () => (note(), stop()));
    const handle = fsm.start();
    await handle.waitFor("second");
    await handle.send("GO");
    await handle.result;
    expect(seen).toEqual([
      ["machine.first", 0],
      ["machine.second", 1],
      ["machine.third", 2],
    ]);
    class Typed {
      @node async load() {
        await sleep(1);
        return where();
      }
    }
    expect((await Dag.from(Typed).run()).value).toBe("Typed.load");
  });
});
