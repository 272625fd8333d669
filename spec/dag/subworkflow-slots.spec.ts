import { describe, expect, it, vi } from "vitest";
import { Dag, DeadlockError, Fsm, next, Scheduler, type Context } from "dagwright";
import { outcome } from "../support/fake-time.js";
import { meeting } from "../support/meeting.js";
import { failure, gate, never, sleep, turns, until } from "../support/waiting.js";

/** Counts calls, and how many of them are in flight at once. They wait until that is `count`. */
function meter(count = 1) {
  const { seen, attend } = meeting(count);
  const counts = Object.assign(seen, { calls: 0 });
  return {
    seen: counts,
    work<T>(value: T): Promise<T> {
      counts.calls++;
      return attend(value);
    },
  };
}

type Meter = ReturnType<typeof meter>;

/** A dag of `width` nodes and one that adds their results, around `depth` levels of the same. */
function tree(depth: number, width: number, count: Meter): Dag<any> {
  const dag = new Dag<any>(`tree${depth}`);
  const names = Array.from({ length: width }, (_, i) => `n${i}`);
  for (const name of names) {
    if (depth === 0) dag.node(name, () => count.work(1));
    else dag.node(name, tree(depth - 1, width, count));
  }
  dag.node("sum", { needs: names }, (...values: number[]) => values.reduce((a, b) => a + b, 0));
  return dag;
}

/** A chain of `depth` workflows around a node. */
function tower(depth: number, count: Meter): Dag<any> {
  let inner = new Dag<any>("floor0");
  inner.node("work", () => count.work(0));
  for (let i = 1; i <= depth; i++) {
    const outer = new Dag<any>(`floor${i}`);
    outer.node("below", inner);
    outer.node("work", { needs: ["below"] }, (n: number) => count.work(n + 1));
    inner = outer;
  }
  return inner;
}

const MODES = ["sequential", "async", "parallel"] as const;
const EXECUTORS = ["level", "workQueue", "reactive"] as const;

const combinations = MODES.flatMap((mode) =>
  EXECUTORS.flatMap((executor) => [undefined, 1, 2].map((concurrency) => ({ mode, executor, concurrency }))),
);

describe("Workflows in workflows share the slots of their run", () => {
  it.each(combinations.filter(({ mode }) => mode !== "parallel"))(
    "in $mode mode, with $executor, concurrency $concurrency",
    async (options) => {
      const limit = options.mode === "sequential" ? 1 : (options.concurrency ?? 81);
      const count = meter(limit);
      const run = await tree(3, 3, count).run(options);
      expect(run.value).toBe(81);
      expect(count.seen.calls).toBe(81);
      expect(count.seen.most).toBe(limit);
    },
  );

  it.each([5, 200])("at depth %i, with one slot", async (depth) => {
    for (const mode of ["sequential", "async"] as const) {
      const count = meter();
      const run = await tower(depth, count).run({ mode, concurrency: 1 });
      expect(run.value).toBe(depth);
      expect(count.seen).toEqual({ now: 0, most: 1, calls: depth + 1 });
    }
  });

  it.each([1, 2, 5])("with a scheduler of %i slots", async (slots) => {
    const scheduler = new Scheduler({ maxConcurrency: slots });
    const count = meter();
    for (const mode of ["async", "sequential"] as const) {
      const [one, two] = await Promise.all([
        tree(2, 3, count).run({ mode, scheduler }),
        tree(2, 3, count).run({ mode, scheduler }),
      ]);
      expect([one.value, two.value]).toEqual([27, 27]);
    }
    expect(count.seen.most).toBeLessThanOrEqual(slots);
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  it("with siblings that are plain nodes", async () => {
    const count = meter(3);
    const dag = new Dag<any>("mixed");
    for (let i = 0; i < 10; i++) dag.node(`plain${i}`, () => count.work(1));
    for (let i = 0; i < 5; i++) dag.node(`nested${i}`, tree(1, 2, count));
    for (let i = 0; i < 5; i++) dag.node(`late${i}`, { needs: [`nested${i}`] }, (n: number) => count.work(n));
    const run = await dag.run({ mode: "async", concurrency: 3 });
    expect(run.status).toBe("completed");
    expect(count.seen).toEqual({ now: 0, most: 3, calls: 35 });
  });

  it("around a chain of nodes, which has no limit of its own", async () => {
    for (const concurrency of [undefined, 4]) {
      const count = meter(concurrency ?? 9);
      const dag = new Dag<any>("chain");
      dag.node("first", () => 1);
      dag.node("wide", { after: ["first"] }, tree(0, 9, count));
      dag.node("last", { needs: ["wide", "wide.n0"] }, async (n: number, _: number, ctx: Context) => {
        const run = await ctx.run(tree(0, 5, count));
        return n + (run.value as number);
      });
      const run = await dag.run({ mode: "async", concurrency });
      expect(run.get("last")).toBe(14);
      expect(count.seen.most).toBe(concurrency ?? 9);
    }
  });

  it("which a cancelled one gives back", async () => {
    const inner = new Dag<any>("stuck");
    let calls = 0;
    for (let i = 0; i < 3; i++) inner.node(`n${i}`, () => (++calls <= 2 ? new Promise(() => {}) : calls));
    const dag = new Dag<any>("outer");
    dag.node("limited", { timeout: 5, retry: 2 }, inner);
    dag.node("next", { needs: ["limited"] }, () => "done");
    vi.useFakeTimers();
    for (const options of [{ concurrency: 2 }, { scheduler: new Scheduler({ maxConcurrency: 2 }) }]) {
      calls = 0;
      const run = await outcome(dag.run({ mode: "async", ...options }));
      expect(run.value).toBe("done");
      expect(run.nodes.get("limited")!.attempts).toBe(2);
    }
    vi.useRealTimers();
  });

  it("which one that fails gives back, while nodes in it wait for runs inside", async () => {
    let begun = gate();
    const deep = new Dag("deep");
    deep.node("waits", () => (begun.open(), never()));
    const inner = new Dag("inner");
    inner.node("begins", (ctx: Context) => ctx.run(deep));
    inner.node("fails", () => begun.opened.then(() => Promise.reject(new Error("no"))));
    const dag = new Dag("outer");
    dag.node("calls", async (ctx: Context) => {
      const messages: string[] = [];
      for (let i = 0; i < 4; i++) {
        begun = gate();
        await ctx.run(inner).catch(({ message }) => messages.push(message));
      }
      return messages;
    });
    const run = await dag.run({ mode: "async", concurrency: 2, timeout: 60_000 });
    expect(run.get("calls")).toHaveLength(4);
  });

  it("with fsms", async () => {
    for (const concurrency of [1, 2, undefined]) {
      const count = meter(concurrency ?? 4);
      const fsm = new Fsm<any>("loop");
      fsm.state("step", { initial: true, to: ["step", "end"] }, async (n = 0) => {
        await count.work(0);
        return n < 4 ? next("step", n + 1) : next("end", n);
      });
      fsm.state("end", { terminal: true }, (n: number) => count.work(n));
      const dag = new Dag<any>("fsms");
      for (let i = 0; i < 4; i++) dag.node(`fsm${i}`, subworkflowOf(fsm, i));
      const run = await dag.run({ mode: "async", concurrency });
      expect(run.get("fsm3")).toBe(4);
      expect(count.seen.most).toBe(concurrency ?? 4);
    }
  });
});

/** A dag around an fsm, for one that is only a level deeper. */
function subworkflowOf(fsm: Fsm<any>, i: number): Dag<any> | Fsm<any> {
  if (i % 2 === 0) return fsm;
  const dag = new Dag<any>(`around${i}`);
  dag.node("machine", fsm);
  return dag;
}

describe("ctx.run gives back the slot of its node", () => {
  const leaf = (count: Meter) => {
    const dag = new Dag<any>("leaf");
    dag.node("value", (n: number) => count.work(n));
    return dag;
  };
  /** A node that runs itself, one level less deep. */
  const recursive = (count: Meter): Dag<any> => {
    const dag: Dag<any> = new Dag<any>("recursive");
    dag.node("value", async (n: number, ctx: Context) => {
      await count.work(0);
      const value = n === 0 ? 0 : (await ctx.run(dag, { inputs: { n: n - 1 } })).get("value") + 1;
      await count.work(0);
      return value as number;
    });
    return dag;
  };

  it.each([{}, { mode: "async" }, { mode: "async", concurrency: 1 }, { mode: "async", concurrency: 2 }] as const)(
    "%j",
    async (options) => {
      const count = meter();
      const run = await recursive(count).run({ ...options, inputs: { n: 5 } });
      expect(run.value).toBe(5);
      expect(run.child("value", 0)!.get("value")).toBe(4);
      expect(count.seen.most).toBe(1);
    },
  );

  it("of a run and a scheduler with one slot", async () => {
    const count = meter();
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    for (const mode of ["async", "sequential"] as const) {
      const runs = await Promise.all([5, 6, 7].map((n) => recursive(count).run({ mode, scheduler, inputs: { n } })));
      expect(runs.map((run) => run.value)).toEqual([5, 6, 7]);
    }
    expect(count.seen.most).toBe(1);
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  it.each([
    { mode: "async", concurrency: 1 },
    { mode: "async", concurrency: 7 },
    { mode: "async" },
    { mode: "sequential" },
  ] as const)("for a thousand runs at once, with %j", { tags: "slow" }, async (options) => {
    for (const retry of [undefined, 1]) {
      const count = meter();
      const inner = leaf(count);
      const dag = new Dag<any>("fan");
      dag.node("out", { retry }, async (ctx: Context) => {
        const runs = await Promise.all(Array.from({ length: 1000 }, (_, n) => ctx.run(inner, { inputs: { n } })));
        await count.work(0);
        return runs.map((run) => run.value as number);
      });
      dag.node("other", () => count.work("other"));
      const run = await dag.run(options);
      expect(run.get("out")).toEqual(Array.from({ length: 1000 }, (_, n) => n));
      expect(run.child("out", 999)!.value).toBe(999);
      const { concurrency = Infinity } = options as { concurrency?: number };
      expect(count.seen.most).toBeLessThanOrEqual(options.mode === "sequential" ? 1 : concurrency);
    }
  });

  it("to a node that settles without waiting for its run", async () => {
    const count = meter();
    const dag = new Dag<any>("left");
    dag.node("careless", (ctx: Context) => {
      void ctx.run(leaf(count), { inputs: { n: 1 } }).catch(() => {});
      return "done";
    });
    dag.node("next", { needs: ["careless"] }, () => count.work(1));
    dag.node("other", () => count.work(1));
    for (const options of [{ concurrency: 1 }, { concurrency: 2 }, {}]) {
      count.seen.most = 0;
      const run = await dag.run({ mode: "async", ...options });
      expect(run.value).toMatchObject({ next: 1, other: 1 });
      await until(() => count.seen.now === 0);
      expect(count.seen.most).toBeLessThanOrEqual(options.concurrency ?? 3);
    }
  });

  it("with runs that begin and end one after the other, while others wait", async () => {
    const count = meter();
    const dag = new Dag<any>("turns");
    for (let i = 0; i < 5; i++) {
      dag.node(`n${i}`, async (ctx: Context) => {
        let sum = 0;
        for (let n = 0; n < 5; n++) {
          const both = await Promise.all([
            ctx.run(leaf(count), { inputs: { n } }),
            turns(n).then(() => ctx.run(leaf(count), { inputs: { n } })),
          ]);
          sum += both.reduce((total, run) => total + (run.value as number), 0);
        }
        return sum;
      });
    }
    for (const concurrency of [1, 2, 3]) {
      count.seen.most = 0;
      const run = await dag.run({ mode: "async", concurrency });
      expect(run.results).toEqual({ n0: 20, n1: 20, n2: 20, n3: 20, n4: 20 });
      expect(count.seen.most).toBeLessThanOrEqual(concurrency);
    }
  });

  it("of a state", async () => {
    const count = meter();
    const fsm = new Fsm<any>("outer");
    fsm.state("begin", { initial: true, to: ["end"] }, async (ctx: Context) => {
      const run = await ctx.run(leaf(count), { inputs: { n: 7 } });
      return next("end", run.value);
    });
    fsm.state("end", { terminal: true }, (n: number) => n);
    expect((await fsm.run()).value).toBe(7);
    const dag = new Dag<any>("around");
    dag.node("machine", fsm);
    dag.node("again", fsm);
    const run = await dag.run({ mode: "async", concurrency: 1 });
    expect(run.results).toEqual({ machine: 7, again: 7 });
    expect((await fsm.run({ scheduler: new Scheduler({ maxConcurrency: 1 }) })).value).toBe(7);
  });

  it("refuses a key that the attempt has used", async () => {
    const dag = new Dag<any>("keys");
    dag.node("x", async (ctx: Context) => {
      await ctx.run(leaf(meter()), { inputs: { n: 1 }, key: "a" });
      return ctx.run(leaf(meter()), { inputs: { n: 1 }, key: "a" });
    });
    const error = await failure(dag.run());
    expect(error.cause.message).toMatch(/"x" has used the key "a"/u);
    const retried = new Dag<any>("retried");
    retried.node("x", { retry: 1 }, async (ctx: Context) => {
      const run = await ctx.run(leaf(meter()), { inputs: { n: ctx.attempt }, key: "a" });
      if (ctx.attempt === 1) throw new Error("again");
      return run.value as number;
    });
    expect((await retried.run()).value).toBe(2);
  });

  it("refuses what is no workflow, and unknown options", async () => {
    const dag = new Dag<any>("wrong");
    dag.node("x", (what: object, options: object, ctx: Context) => ctx.run(what, options as never));
    expect((await failure(dag.run({ inputs: { what: {}, options: {} } }))).message).toMatch(
      /A subworkflow must be a dag/u,
    );
    const inputs = { what: leaf(meter()), options: { mode: "async" } };
    expect((await failure(dag.run({ inputs }))).message).toMatch(/"mode"/u);
    const missing = await failure(dag.run({ inputs: { what: leaf(meter()), options: {} } }));
    expect(missing.message).toMatch(/"n"/u);
  });

  it("is refused by runSync", () => {
    const dag = new Dag<any>("sync");
    dag.node("x", (ctx: Context) => ctx.run(leaf(meter()), { inputs: { n: 1 } }));
    expect(() => dag.runSync()).toThrow(/returned a promise/u);
  });
});

describe("A scheduler that is closed during a run", () => {
  it("still takes the runs inside", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const inner = new Dag<any>("inner");
    inner.node("work", () => "worked");
    const dag = new Dag<any>("outer");
    let closing: Promise<unknown> | undefined;
    dag.node("begins", async (ctx: Context) => {
      closing = scheduler.close();
      return (await ctx.run(inner)).value;
    });
    dag.node("is", { after: ["begins"] }, inner);
    const run = await dag.run({ mode: "async", scheduler });
    expect([run.get("begins"), run.get("is")]).toEqual(["worked", "worked"]);
    expect(await closing).toEqual({ runs: 0, running: 0, queued: 0 });
  });
});

describe("A key that a workflow holds while a node inside wants it", () => {
  it.each([{ mode: "async" }, { mode: "sequential" }, { mode: "async", concurrency: 1 }] as const)(
    "is a deadlock, with %j",
    async (options) => {
      const inner = new Dag<any>("inner");
      inner.node("wants", { concurrencyKey: { key: "one" } }, () => sleep(0));
      const dag = new Dag<any>("outer");
      dag.node("holds", { concurrencyKey: { key: "one" } }, inner);
      const error = await failure(dag.run(options));
      expect(error.path).toEqual(["holds", "wants"]);
      let innermost = error;
      while (innermost.cause !== undefined) innermost = innermost.cause;
      expect(innermost).toBeInstanceOf(DeadlockError);
    },
  );
});
