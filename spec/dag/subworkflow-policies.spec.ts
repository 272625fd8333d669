import { describe, expect, it } from "vitest";
import {
  CancelledError,
  Dag,
  Fsm,
  next,
  NodeTimeoutError,
  optional,
  PauseRun,
  route,
  RunTimeoutError,
  type Context,
  type NodeSpec,
  type RunEvent,
} from "dagwright";
import { inner, outer } from "../support/nested-dags.js";
import { failure, gate, never, sleep, turns } from "../support/waiting.js";

const MODES = [{ mode: "sequential" }, { mode: "async" }, { mode: "async", concurrency: 1 }] as const;

describe.each(MODES)("Around a workflow, with %j,", (options) => {
  it("retry runs it anew, with the same id", async () => {
    let calls = 0;
    const ids: string[] = [];
    const dag = outer(
      inner((ctx: Context) => {
        ids.push(ctx.runId);
        if (++calls < 3) throw new Error(`failure ${calls}`);
        return calls;
      }),
      { retry: 2 },
    );
    const run = await dag.run({ ...options, runId: "r" });
    expect(run.value).toBe(3);
    expect(ids).toEqual(["r/child", "r/child", "r/child"]);
    expect(run.child("child")!.status).toBe("completed");
    expect(run.nodes.get("child")!.attempts).toBe(3);
  });

  it("timeout cancels it", async () => {
    let reason: unknown;
    const dag = outer(
      inner((ctx: Context) => {
        ctx.signal.addEventListener("abort", () => (reason = ctx.signal.reason));
        return never();
      }),
      { timeout: 5 },
    );
    const error = await failure(dag.run(options));
    expect(error).toBeInstanceOf(NodeTimeoutError);
    expect(error.node).toBe("child");
    expect(reason).toBeInstanceOf(CancelledError);
    expect(error.run.child("child").status).toBe("cancelled");
    expect(error.run.child("child").nodes.get("work").status).toBe("cancelled");
  });

  it("cache keeps its value, by its inputs", async () => {
    let calls = 0;
    const child = inner((n: number) => n + ++calls * 100);
    const dag = new Dag<any>("cached");
    dag.node("child", { cache: {} }, child);
    dag.node("end", { needs: ["child"] }, (n: number) => n);
    expect((await dag.run({ ...options, inputs: { n: 1 } })).value).toBe(101);
    const second = await dag.run({ ...options, inputs: { n: 1 } });
    expect(second.value).toBe(101);
    expect(second.nodes.get("child")!.cached).toBe(true);
    expect(second.child("child")).toBeUndefined();
    expect((await dag.run({ ...options, inputs: { n: 2 } })).value).toBe(202);
  });

  it("fallback stands in for it", async () => {
    const dag = outer(
      inner(() => {
        throw new Error("no");
      }),
      { fallback: "instead" },
    );
    const run = await dag.run(options);
    expect(run.value).toBe("instead");
    expect(run.nodes.get("child")!.fallbackFor!.path).toEqual(["child", "work"]);
    expect(run.child("child")!.status).toBe("failed");
  });

  it("circuitBreaker counts its failures", async () => {
    let calls = 0;
    const child = inner(() => {
      calls++;
      throw new Error("no");
    });
    const dag = outer(child, { circuitBreaker: { key: JSON.stringify(options), failureThreshold: 2 } });
    for (let i = 0; i < 2; i++) await failure(dag.run(options));
    expect((await failure(dag.run(options))).code).toBe("CIRCUIT_OPEN");
    expect(calls).toBe(2);
  });

  it("hooks get its inputs by name, its value, and its error", async () => {
    const seen: unknown[] = [];
    const hooks = {
      preExecute: ({ name }: NodeSpec, inputs: object) => void seen.push(["pre", name, { ...inputs }]),
      postExecute: ({ name }: NodeSpec, _: object, result: unknown) => void seen.push(["post", name, result]),
      onError: ({ name }: NodeSpec, _: object, error: Error) => void seen.push(["error", name, error.message]),
    };
    const dag = outer(
      inner((n: number) => {
        if (n === 0) throw new Error("zero");
        return n;
      }),
      { hooks },
    );
    await dag.run({ ...options, inputs: { n: 1 } });
    await failure(dag.run({ ...options, inputs: { n: 0 } }));
    expect(seen).toEqual([
      ["pre", "child", { n: 1 }],
      ["post", "child", 1],
      ["pre", "child", { n: 0 }],
      ["error", "child", expect.stringContaining("zero")],
    ]);
  });

  it("the run's hooks are also those of its nodes, the default hooks are each workflow's own", async () => {
    const seen: string[] = [];
    const pre = (label: string) => ({ preExecute: ({ name }: NodeSpec) => void seen.push(`${label} ${name}`) });
    const child = inner(() => 1);
    child.setDefaultHooks(pre("inner"));
    const dag = outer(child);
    dag.setDefaultHooks(pre("outer"));
    await dag.run({ ...options, hooks: pre("run") });
    expect(seen).toEqual([
      "outer child",
      "run child",
      "inner work",
      "run work",
      "inner after",
      "run after",
      "outer end",
      "run end",
    ]);
  });

  it("errors have the whole way, and the user's error as the innermost cause", async () => {
    const cause = new Error("broken");
    const middle = new Dag<any>("middle");
    middle.node(
      "check",
      inner(() => {
        throw cause;
      }),
    );
    const error = await failure(outer(middle).run(options));
    expect(error.path).toEqual(["child", "check", "work"]);
    expect(error.message).toContain("outer › child › check › work");
    expect(error.message).toContain("broken");
    expect(error.cause.cause.cause).toBe(cause);
    expect(error.run.child("child").child("check").error("work").cause).toBe(cause);
    expect(error.run.status).toBe("failed");
  });

  it("its own error strategy decides inside, and the outer one outside", async () => {
    const child = inner(
      () => {
        throw new Error("no");
      },
      { errorStrategy: "continue" },
    );
    child.node("other", () => "other");
    const dag = new Dag<any>("outer");
    dag.node("child", child);
    dag.node("end", { needs: ["child"] }, () => "unreachable");
    dag.node("free", () => "free");
    const stopped = await failure(dag.run({ mode: "sequential" }));
    expect(stopped.path).toEqual(["child", "work"]);
    expect(stopped.run.child("child").get("other")).toBe("other");
    const run = await dag.run({ ...options, errorStrategy: "continue" });
    expect(run.status).toBe("failed");
    expect(run.get("free")).toBe("free");
    expect(run.nodes.get("end")!.status).toBe("skipped");
    const failFast = outer(
      inner(() => {
        throw new Error("no");
      }),
    );
    let others = 0;
    failFast.node("free", { after: ["child"] }, () => ++others);
    const result = await failFast.run({ ...options, errorStrategy: "continue" });
    expect(result.child("child")!.nodes.get("after")!.status).toBe("cancelled");
    expect(others).toBe(1);
  });

  it("needs of a node inside that failed under continue are skipped, and those of others are not", async () => {
    const child = inner(
      () => {
        throw new Error("no");
      },
      { errorStrategy: "continue" },
    );
    child.node("other", () => "other");
    const dag = new Dag<any>("outer");
    dag.node("child", { fallback: "stand-in" }, child);
    dag.node("failed", { needs: ["child.work"] }, () => "unreachable");
    dag.node("fine", { needs: ["child.other"] }, (other: string) => other);
    const run = await dag.run(options);
    expect(run.get("child")).toBe("stand-in");
    expect(run.nodes.get("failed")!.status).toBe("skipped");
    expect(run.get("fine")).toBe("other");
  });

  it("ignores its runOptions", async () => {
    const child = inner((ctx: Context) => ctx.metadata["who"], {
      runOptions: { mode: "parallel", metadata: { who: "child" }, inputs: { n: 1 } },
    });
    const run = await outer(child).run({ ...options, metadata: { who: "outer" } });
    expect(run.value).toBe("outer");
  });

  it("metadata is shared both ways", async () => {
    const dag = new Dag<any>("outer");
    dag.node("before", (ctx: Context) => void (ctx.metadata["a"] = 1));
    dag.node(
      "child",
      { after: ["before"] },
      inner((ctx: Context) => {
        ctx.metadata["b"] = (ctx.metadata["a"] as number) + 1;
      }),
    );
    dag.node("end", { after: ["child"] }, (ctx: Context) => ({ ...ctx.metadata }));
    const run = await dag.run(options);
    expect(run.get("end")).toEqual({ a: 1, b: 2 });
    expect(run.child("child")!.context.metadata).toBe(run.context.metadata);
  });

  it("a pause pauses the run, and says where", async () => {
    const child = inner(() => {
      throw new PauseRun("approve?", { data: { id: 7 } });
    });
    const run = await outer(outer(child)).run(options);
    expect(run.status).toBe("paused");
    expect(run.pauses).toEqual([
      expect.objectContaining({ node: "child.child.work", reason: "approve?", data: { id: 7 } }),
    ]);
    expect(run.pauseReason).toBe("approve?");
    expect(run.nodes.get("child")!.status).toBe("paused");
    expect(run.child("child")!.child("child")!.nodes.get("work")!.status).toBe("paused");
  });

  it.each(["an abort", "a failure beside it", "another item failed", "a call that is left behind"])(
    "ends before its parent after %s",
    async (why) => {
      const events: string[] = [];
      const controller = new AbortController();
      // What is done around a node needs a turn to end.
      const child = inner(() => never());
      child.configureNode("work", { retry: 1 });
      const dag = new Dag<any>("outer");
      if (why === "a call that is left behind")
        dag.node("caller", (ctx: Context) => void ctx.run(child).catch(() => {}));
      else if (why === "another item failed") {
        const routes = dag.node("routes", () => [route("a", 0), route("b", 1)]);
        const fails = () => Promise.reject(new Error("failure"));
        dag.map("child", { needs: [routes], errorStrategy: "continue" }, { cases: { a: child, b: fails } });
      } else dag.node("child", child);
      dag.node("beside", async () => {
        await turns(20);
        if (why === "an abort") controller.abort();
        if (why === "a failure beside it") throw new Error("failure");
      });
      const observers = [({ type, runId }: RunEvent) => void (type === "run.finished" && events.push(runId))];
      await dag.run({ mode: "async", runId: "r", observers, signal: controller.signal }).catch(() => {});
      await sleep(5);
      expect(events).toEqual([expect.stringMatching(/^r\/c/u), "r"]);
    },
  );

  it.each(["signal", "cancel", "timeout", "sibling"])("%s aborts it, at every moment", async (by) => {
    for (let moment = 0; moment < 12; moment++) {
      const controller = new AbortController();
      let started = 0;
      let aborted = 0;
      const blocking = gate();
      const child = inner((ctx: Context) => {
        started++;
        ctx.signal.addEventListener("abort", () => aborted++);
        return blocking.opened;
      });
      const dag = outer(outer(child));
      const sibling = gate();
      if (by === "sibling") {
        if (options.mode === "sequential" || "concurrency" in options) return;
        dag.node("sibling", () => sibling.opened.then(() => Promise.reject(new Error("sibling"))));
      }
      const handle = dag.start({ ...options, signal: controller.signal, timeout: by === "timeout" ? 3 : undefined });
      const failed = failure(handle.result);
      await turns(moment);
      if (by === "signal") controller.abort(new Error("enough"));
      if (by === "cancel") void handle.cancel("enough");
      sibling.open();
      const error = await failed;
      expect(error).toBeInstanceOf(by === "timeout" ? RunTimeoutError : by === "sibling" ? Error : CancelledError);
      expect(aborted).toBe(started);
      blocking.open();
      await turns(20);
      const inside = error.run.child("child")?.child("child");
      if (started > 0) expect(inside.nodes.get("after").status).toBe("cancelled");
    }
  });
});

describe("A cached workflow", () => {
  it("is refused if another node needs one inside, which a cached result does not have", () => {
    for (const need of ["child.work", optional("child.work")]) {
      const dag = outer(
        inner(() => 1),
        { cache: {} },
      );
      expect(dag.isValid).toBe(true);
      dag.node("beside", { needs: [need] }, (work: number) => work);
      expect(() => dag.validateOrThrow()).toThrow(
        'Node "beside" needs "child.work", but node "child" is cached, and a cached result has no nodes inside. ' +
          'Need "child", or cache the nodes of workflow "inner" instead.',
      );
    }
  });
});

describe("Workflows in workflows", () => {
  it("are run by runSync", () => {
    const fsm = new Fsm<any>("loop");
    fsm.state("step", { initial: true, to: ["step", "end"] }, (n = 0) =>
      n < 2 ? next("step", n + 1) : next("end", n),
    );
    fsm.state("end", { terminal: true }, outer(inner((n: number) => n)));
    const dag = outer(fsm, { retry: 1, timeout: 1000, cache: {} });
    expect(dag.runSync().value).toBe(2);
    expect(() => outer(inner(() => sleep(1))).runSync()).toThrow(/returned a promise/u);
  });

  it("are stepped over", async () => {
    const dag = outer(inner(() => 1));
    const first = await dag.step();
    expect(first).toMatchObject({ node: "child" });
    const second = await dag.step(first.state);
    expect(second).toMatchObject({ node: "end" });
  });

  it("are called with a value", async () => {
    const dag = inner((n: number) => n + 1);
    expect(await dag.call(1)).toBe(2);
    expect(await outer(dag).call(2, { mode: "async" })).toBe(3);
    await expect(dag.call(1, { mode: "wrong" as never })).rejects.toThrow(/"mode"/u);
    const two = new Dag<any>("two");
    two.node("a", (x: number) => x);
    two.node("b", (y: number) => y);
    await expect(two.call(1)).rejects.toThrow(/one input, and has 2: x, y/u);
    const sinks = new Dag<any>("sinks");
    sinks.node("a", (x: number) => x);
    sinks.node("b", (x: number) => x);
    await expect(sinks.call(1)).rejects.toThrow(/one sink, and has 2: a, b/u);
    const none = new Dag<any>("none");
    none.node("a", () => 1);
    await expect(none.call(1)).rejects.toThrow(/one input, and has none/u);
  });

  it("are run in part", async () => {
    let calls = 0;
    const dag = outer(inner(() => ++calls));
    dag.node("inside", { needs: ["child.work"] }, (work: number) => work);
    const whole = await dag.run();
    const from = await dag.runFrom("inside", { from: whole });
    expect(from.get("inside")).toBe(1);
    expect((await dag.runUntil("child")).get("child")).toBe(2);
    const error = await failure(dag.run({ overrides: { child: 5 } }));
    expect(error.code).toBe("MISSING_RESULT");
    expect(error.message).toContain("child.work");
    const free = outer(inner(() => ++calls));
    expect((await free.run({ overrides: { child: 5 } })).value).toBe(5);
  });

  it("keep with retain: outputs what the outer run takes", async () => {
    const dag = outer(outer(inner(() => 1)));
    dag.node("deep", { needs: ["child.child.work"] }, (work: number) => work + 1);
    const run = await dag.run({ retain: "outputs" });
    expect(run.get("deep")).toBe(2);
    expect(run.has("child")).toBe(false);
  });

  it("are copied by clone", async () => {
    const dag = outer(inner(() => 1));
    expect((await dag.clone().run()).get("child.work")).toBe(1);
  });

  it.each(["a[b", "__proto__", "a/b", "constructor", "a]", "0", "ü ✓"])("have names such as %s", async (name) => {
    const child = new Dag<any>("child");
    child.node(name, () => 1);
    const dag = new Dag<any>("outer");
    dag.node(name, child);
    dag.node("end", { needs: [`${name}.${name}`] }, (n: number) => n);
    const run = await dag.run({ mode: "async" });
    expect(run.get("end")).toBe(1);
    expect(run.child(name)!.get(name)).toBe(1);
    expect(run.get(`${name}.${name}`)).toBe(1);
  });

  it("run at the same time in two runs of the outer one", async () => {
    const dag = outer(inner(async (n: number) => (await sleep(1), n)));
    const runs = await Promise.all([1, 2, 3].map((n) => dag.run({ inputs: { n }, mode: "async" })));
    expect(runs.map((run) => run.value)).toEqual([1, 2, 3]);
  });
});
