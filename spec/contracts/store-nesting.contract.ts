import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, next, PauseRun, waitForEvent, type Context } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, never, until } from "../support/waiting.js";

/** The guarantees of every store for runs inside of others. */
export function nestingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Runs inside of others, recorded in ${name},`, () => {
    const { another, crash, count } = useStores(connect);
    let store: SqlStore;
    /** The nodes in the order of their calls, and those that do something else than return. */
    const calls: string[] = [];
    const acts = new Map<string, (ctx: Context) => unknown>();

    beforeEach(() => {
      calls.length = 0;
      acts.clear();
      store = another();
    });

    const call = (label: string, value: unknown, ctx: Context) => {
      calls.push(label);
      return acts.get(label)?.(ctx) ?? value;
    };

    /** Three levels: top { fetch, mid: { check: { load, verdict }, sum }, ship }. */
    function levels(): Dag<any> {
      const low = new Dag<any>("low");
      low.node("load", (order: string, ctx: Context) => call("load", `${order}!`, ctx));
      low.node("verdict", { needs: ["load"] }, (load: string, ctx: Context) => call("verdict", `${load}?`, ctx));
      const mid = new Dag<any>("mid");
      mid.node("check", low);
      mid.node("sum", { needs: ["check"] }, (check: string, ctx: Context) => call("sum", `${check}+`, ctx));
      const top = new Dag<any>("top");
      top.node("fetch", (ctx: Context) => call("fetch", "book", ctx));
      top.node("mid", { needs: ["fetch"] }, mid);
      top.node("ship", { needs: ["mid", "mid.check.load"] }, (sum: string, load: string, ctx: Context) =>
        call("ship", `${sum} ${load}`, ctx),
      );
      return top;
    }
    const VALUE = "book!?+ book!";

    it("begin nothing if they are claimed when their parent is over", async () => {
      const inner = new Dag<any>("inner");
      inner.node("fails", () => {
        calls.push("fails");
        throw new Error("always");
      });
      const dag = new Dag<any>("leaves");
      let left: Promise<any> | undefined;
      dag.node("leaves", { retry: { retries: 1, delay: 0 } }, async (ctx: Context) => {
        const result = ctx.run(inner, { key: "a" });
        if (ctx.attempt === 1) await result;
        left = failure(result);
      });
      expect((await dag.run({ store, runId: "r", mode: "async" })).status).toBe("completed");
      expect((await left).message).toContain('run "r" is over');
      expect(calls).toEqual(["fails"]);
      expect((await store.getRun("r/leaves[a]"))!.status).toBe("cancelled");
    });

    it("have rows of their own, linked to their parents", async () => {
      const run = await levels().run({ store, runId: "r" });
      expect(run.value).toBe(VALUE);
      const rows = (await store.listRuns()).runs.map(
        ({ runId, workflow, parentRunId, parentNode, isChild, status }) => {
          return [runId, workflow, parentRunId, parentNode, isChild, status];
        },
      );
      expect(rows.sort()).toEqual([
        ["r", "top", undefined, undefined, false, "completed"],
        ["r/mid", "mid", "r", "mid", true, "completed"],
        ["r/mid/check", "low", "r/mid", "check", true, "completed"],
      ]);
      expect((await store.listRuns({ roots: true })).runs.map(({ runId }) => runId)).toEqual(["r"]);
      expect((await store.listRuns({ parent: "r" })).runs.map(({ runId }) => runId)).toEqual(["r/mid"]);
      expect((await store.getRun("r/mid"))!.nodes.get("sum")!.output).toBe("book!?+");
    });

    it("are in the details of their parent, to a depth", async () => {
      await levels().run({ store, runId: "r" });
      expect((await store.getRun("r"))!.inside.size).toBe(0);
      const one = (await store.getRun("r", { depth: 1 }))!;
      expect(Array.from(one.inside.keys())).toEqual(["mid"]);
      expect(one.inside.get("mid")!.nodes.get("sum")!.output).toBe("book!?+");
      expect(one.inside.get("mid")!.inside.size).toBe(0);
      const two = (await store.getRun("r", { depth: 2 }))!;
      expect(two.inside.get("mid")!.inside.get("check")!.nodes.get("load")!.output).toBe("book!");
      expect(JSON.parse(JSON.stringify(two)).inside.mid.inside.check.workflow).toBe("low");
      expect((await store.getRun("r", { depth: Infinity }))!.children).toEqual([]);
      await expect(store.getRun("r", { depth: -1 })).rejects.toThrow(/"depth"/u);
    });

    it.each(["fetch", "load", "verdict", "sum", "ship"])("continue after a crash in %s", async (label) => {
      acts.set(label, never);
      levels()
        .run({ store, runId: "r" })
        .catch(() => {});
      await until(() => calls.includes(label));
      await crash(store);
      const before = [...calls];
      acts.clear();
      const run = await levels().resume("r", { store: another() });
      expect(run.value).toBe(VALUE);
      expect(calls.slice(before.length)).toEqual(["fetch", "load", "verdict", "sum", "ship"].slice(before.length - 1));
      expect(run.get("mid.check.load")).toBe("book!");
      expect(run.get("mid.sum")).toBe("book!?+");
      expect(run.child("mid")!.child("check")!.get("verdict")).toBe("book!?");
    });

    it("are taken up by recover only through their parent", async () => {
      acts.set("verdict", never);
      levels()
        .run({ store, runId: "r" })
        .catch(() => {});
      await until(() => calls.includes("verdict"));
      await crash(store);
      acts.clear();
      const later = another();
      const low = new Dag<any>("low");
      low.node("load", (order: string) => order);
      low.node("verdict", { needs: ["load"] }, (load: string) => load);
      expect(await low.recover({ store: later })).toEqual([]);
      const [run] = await levels().recover({ store: later });
      expect(run.value).toBe(VALUE);
    });

    it("are restored with the result of a run that has completed", async () => {
      await levels().run({ store, runId: "r" });
      calls.length = 0;
      const run = await levels().resume("r", { store: another() });
      expect(calls).toEqual([]);
      expect(run.get("mid.check.load")).toBe("book!");
      expect(run.child("mid")!.status).toBe("completed");
      expect(run.value).toBe(VALUE);
    });

    it("attach with the run that they are in", async () => {
      const options = { store, runId: "r", ifExists: "attach" } as const;
      const runs = await Promise.all([levels().run(options), levels().run(options)]);
      expect(runs.map((run) => run.value)).toEqual([VALUE, VALUE]);
      expect(calls).toEqual(["fetch", "load", "verdict", "sum", "ship"]);
      expect((await levels().run(options)).get("mid.check.verdict")).toBe("book!?");
    });

    it("are superseded when their node is retried", async () => {
      let failures = 0;
      acts.set("sum", () => {
        if (++failures < 3) throw new Error("again");
      });
      const top = levels();
      top.configureNode("mid", { retry: 2 });
      const run = await top.run({ store, runId: "r" });
      expect(run.value).toBe(VALUE);
      expect(calls).toEqual([
        "fetch",
        "load",
        "verdict",
        "sum",
        "load",
        "verdict",
        "sum",
        "load",
        "verdict",
        "sum",
        "ship",
      ]);
      const mid = (await store.getRun("r/mid"))!;
      expect(mid.status).toBe("completed");
      expect(mid.nodes.get("sum")).toMatchObject({ status: "completed", output: "book!?+" });
      expect(await count("runs")).toBe(3);
      const again = await levels()
        .resume("r", { store: another() })
        .catch((error: Error) => error.message);
      expect(again).toBeDefined();
    });

    it("begin anew when their inputs have changed", async () => {
      acts.set("sum", () => {
        throw new Error("no");
      });
      await failure(levels().run({ store, runId: "r" }));
      acts.clear();
      acts.set("fetch", () => "pen");
      calls.length = 0;
      const top = levels();
      top.removeNode("fetch");
      top.node("fetch", (extra = "", ctx: Context) => call("fetch", `book${extra}`, ctx));
      const run = await top.resume("r", { store: another(), allowChanges: true });
      expect(run.value).toBe("pen!?+ pen!");
      expect(calls).toEqual(["fetch", "load", "verdict", "sum", "ship"]);
    });

    it("pause their parent, and take what is provided", async () => {
      acts.set("verdict", () => {
        throw new PauseRun("approve?", { data: 7 });
      });
      const paused = await levels().run({ store, runId: "r" });
      expect(paused.status).toBe("paused");
      expect(paused.pauses).toMatchObject([{ node: "mid.check.verdict", reason: "approve?", data: 7 }]);
      expect((await store.getRun("r"))!.nodes.get("mid")!.status).toBe("paused");
      const [summary] = (await store.listRuns({ roots: true })).runs;
      expect(summary.pauses).toMatchObject([{ node: "mid.check.verdict", data: 7 }]);
      calls.length = 0;
      const later = another();
      const wrong = await failure(levels().resume("r", { store: later, provide: { "mid.check.load": 1 } }));
      expect(wrong.message).toContain("mid.check.verdict");
      const refused = await failure(levels().resume("r", { store: later, provide: { mid: 1 } }));
      expect(refused.code).toBe("MISSING_RESULT");
      const run = await levels().resume("r", { store: later, provide: { "mid.check.verdict": "yes" } });
      expect(run.value).toBe("yes+ book!");
      expect(calls).toEqual(["sum", "ship"]);
    });

    it("pause again without an answer", async () => {
      acts.set("load", () => {
        throw new PauseRun("wait");
      });
      await levels().run({ store, runId: "r" });
      const again = await levels().resume("r", { store });
      expect(again.pauses).toMatchObject([{ node: "mid.check.load" }]);
      acts.clear();
      expect((await levels().resume("r", { store })).value).toBe(VALUE);
    });

    it("that a cancelled run had are cancelled, and continue with it", async () => {
      acts.set("load", never);
      const handle = levels().start({ store, runId: "r" });
      await until(() => calls.includes("load"));
      void handle.cancel("enough");
      await failure(handle.result);
      await until(async () => (await store.listRuns({ status: "cancelled" })).runs.length === 3);
      acts.clear();
      expect((await levels().resume("r", { store })).value).toBe(VALUE);
    });

    it("are deleted with their parent", async () => {
      await levels().run({ store, runId: "r" });
      await levels().run({ store, runId: "s" });
      expect(await count("runs")).toBe(6);
      await store.delete("r");
      expect(await count("runs")).toBe(3);
      expect(await store.prune({ keepLast: 0 })).toBe(1);
      expect(await count("runs")).toBe(0);
      expect(await count("node_executions")).toBe(0);
    });

    describe("begun by ctx.run", () => {
      const leaf = () => {
        const dag = new Dag<any>("leaf");
        dag.node("twice", (n: number, ctx: Context) => call(`twice ${n}`, n * 2, ctx));
        return dag;
      };
      const fan = () => {
        const dag = new Dag<any>("fan");
        dag.node("all", async (ctx: Context) => {
          let sum = 0;
          for (let n = 1; n <= 3; n++) sum += (await ctx.run(leaf(), { inputs: { n } })).value as number;
          return call("all", sum, ctx);
        });
        return dag;
      };

      it("are not run again when they completed", async () => {
        acts.set("twice 3", never);
        fan()
          .run({ store, runId: "r" })
          .catch(() => {});
        await until(() => calls.includes("twice 3"));
        await crash(store);
        acts.clear();
        calls.length = 0;
        const run = await fan().resume("r", { store: another() });
        expect(run.value).toBe(12);
        expect(calls).toEqual(["twice 3", "all"]);
        expect(run.child("all", 0)!.value).toBe(2);
      });

      it("are there after the run was resumed, with what is in them", async () => {
        const inner = new Dag<any>("inner");
        inner.node("leaf", leaf());
        inner.node("list", () => [1, 2]);
        inner.map("each", { needs: ["list"] }, leaf());
        inner.node("sum", { needs: ["leaf.twice"], after: ["each"] }, (n: number) => n + 1);
        const machine = new Fsm<any>("machine");
        machine.state("ask", { initial: true, to: ["ask", "end"] }, async (n = 1, ctx: Context) => {
          const { value } = await ctx.run(leaf(), { inputs: { n }, key: "k" });
          return next(n === 1 ? "ask" : "end", value);
        });
        machine.state("end", { terminal: true }, (n: number) => n);
        const broken = new Dag<any>("broken");
        broken.node("fails", (): never => {
          throw new Error("no");
        });
        broken.node("after", { needs: ["fails"] }, () => 1);
        const define = () => {
          const dag = new Dag<any>("outer");
          dag.node("begins", async (ctx: Context) => {
            await ctx.run(inner, { inputs: { n: 4 }, key: "a" });
            await ctx.run(machine);
            await ctx.run(broken).catch(() => {});
          });
          dag.node("last", { needs: ["begins"] }, (_: unknown, ctx: Context) => call("last", 1, ctx));
          return dag;
        };
        acts.set("last", () => {
          throw new Error("crash");
        });
        const { run: first } = await failure(define().run({ store, runId: "r" }));
        acts.clear();
        const resumed = await define().resume("r", { store: another() });
        const ended = await define().resume("r", { store: another() });
        for (const run of [first, resumed, ended]) {
          const inside = run.child("begins", "a");
          expect([inside.runId, inside.workflow, inside.status]).toEqual(["r/begins[a]", "inner", "completed"]);
          expect(inside.outputs).toEqual({ sum: 9, each: [2, 4] });
          expect(inside.nodes.get("each")).toMatchObject({ status: "completed", items: { total: 2, completed: 2 } });
          expect(Object.keys(inside.metrics.nodes)).toEqual(["leaf", "list", "each", "sum"]);
          expect(run.get("begins[a].leaf.twice")).toBe(8);
          expect(run.get("begins[a].each[1].twice")).toBe(4);
          expect(inside.child("each", 0).value).toBe(2);
          const states = run.child("begins", 0);
          expect([states.value, states.stateHistory, states.isTerminated]).toEqual([4, ["ask", "ask", "end"], true]);
          expect([states.get("ask.0"), states.get("ask.1")]).toEqual([2, 4]);
          expect(states.child("ask", "k").value).toBe(4);
          const failed = run.child("begins", 1);
          expect([failed.status, failed.errors[0].node]).toEqual(["failed", "fails"]);
          expect(failed.nodes.get("fails").error.cause.message).toBe("no");
        }
      });

      it("have their key in their id", async () => {
        await fan().run({ store, runId: "r" });
        const found = await store.listRuns({ parent: "r" });
        expect(found.runs.map(({ runId }) => runId).sort()).toEqual(["r/all[0]", "r/all[1]", "r/all[2]"]);
      });

      it("are not run again by a retry", async () => {
        let failures = 0;
        acts.set("all", () => {
          if (failures++ === 0) throw new Error("again");
        });
        const dag = fan();
        dag.configureNode("all", { retry: 1 });
        expect((await dag.run({ store, runId: "r" })).value).toBe(12);
        expect(calls).toEqual(["twice 1", "twice 2", "twice 3", "all", "all"]);
      });

      it("pause their run, and take what is provided", async () => {
        acts.set("twice 2", () => {
          throw new PauseRun("how much?");
        });
        const paused = await fan().run({ store, runId: "r" });
        expect(paused.pauses).toMatchObject([{ node: "all[1].twice" }]);
        calls.length = 0;
        const run = await fan().resume("r", { store: another(), provide: { "all[1].twice": 100 } });
        expect(run.value).toBe(108);
        expect(calls).toEqual(["twice 3", "all"]);
      });
    });

    describe("of fsms", () => {
      const machine = () => {
        const fsm = new Fsm<any>("machine");
        fsm.state("count", { initial: true, to: ["count", "ask"] }, (n = 0, ctx: Context) => {
          call(`count ${n}`, undefined, ctx);
          return n < 2 ? next("count", n + 1) : next("ask", n);
        });
        fsm.state("ask", { to: ["end"] }, (ctx: Context) => {
          call("ask", undefined, ctx);
          return waitForEvent({ yes: "end" });
        });
        fsm.state("end", { terminal: true }, (answer: unknown) => answer);
        return fsm;
      };
      const around = () => {
        const dag = new Dag<any>("around");
        dag.node("machine", machine());
        dag.node("out", { needs: ["machine", "machine.count.1"] }, (answer: unknown, one: number) => [answer, one]);
        return dag;
      };

      it("that wait for an event make their parent wait; the event is sent to their id", async () => {
        const waiting = await around().run({ store, runId: "r", detach: true });
        expect(waiting.status).toBe("waiting");
        expect(waiting.get("machine.count.1")).toBe(2);
        const later = another();
        await machine().send("r/machine", "yes", "go", { store: later });
        const run = await around().resume("r", { store: later });
        expect(run.get("out")).toEqual(["go", 2]);
        expect(calls).toEqual(["count 0", "count 1", "count 2", "ask"]);
        const restored = await around().resume("r", { store: another() });
        expect(restored.get("machine.count.0")).toBe(1);
      });

      it("that wait until a deadline make their outermost run due at that time", async () => {
        const waiting = (after: number) => {
          const fsm = new Fsm<any>("waiting");
          fsm.state("ask", { initial: true, to: ["end"] }, () =>
            waitForEvent({ yes: "end" }, { after: [after, "end"] }),
          );
          fsm.state("end", { terminal: true }, () => "late");
          return fsm;
        };
        const nested = (after: number) => {
          const mid = new Dag<any>("mid");
          mid.node("machine", waiting(after));
          const around = new Fsm<any>("around");
          around.state("mid", { initial: true, to: ["end"] }, mid);
          around.state("end", { terminal: true }, (value: unknown) => value);
          around.addTransition("mid", "end", "default");
          const top = new Dag<any>("top");
          top.node("list", () => [1, 2]);
          top.map("each", { needs: ["list"] }, around);
          top.node("called", async (ctx: Context) => (await ctx.run(waiting(after))).value);
          return top;
        };
        const soon = Date.now() + 40;
        const put = await nested(40).run({ store, runId: "r", mode: "async", detach: true });
        expect(put).toMatchObject({ status: "waiting", waitingFor: { until: expect.any(Number) } });
        expect(put.waitingFor?.until).toBeGreaterThanOrEqual(soon);
        const [run] = await until(() => Date.now() > soon + 500).then(() =>
          nested(40).recover({ store: another(), mode: "async" }),
        );
        expect([run.runId, run.get("each"), run.get("called")]).toEqual(["r", ["late", "late"], "late"]);
        await nested(60_000).run({ store, runId: "later", mode: "async", detach: true });
        expect(await nested(60_000).recover({ store: another(), mode: "async" })).toEqual([]);
      });

      it("continue in the cycle that crashed", async () => {
        const fsm = machine();
        let hang = true;
        fsm.removeState("ask");
        fsm.state("ask", { to: ["end"] }, async () => {
          calls.push("ask");
          if (hang) await never();
          return next("end", "late");
        });
        const dag = new Dag<any>("around");
        dag.node("machine", fsm);
        dag.run({ store, runId: "r" }).catch(() => {});
        await until(() => calls.includes("ask"));
        await crash(store);
        hang = false;
        calls.length = 0;
        const run = await dag.resume("r", { store: another() });
        expect(run.value).toBe("late");
        expect(calls).toEqual(["ask"]);
      });

      it("have states that are workflows, one run an execution", async () => {
        const fsm = new Fsm<any>("loop");
        const step = new Dag<any>("step");
        step.node("add", (n: number, ctx: Context) => call(`add ${n}`, n + 1, ctx));
        fsm.state("step", { initial: true, to: ["decide"] }, step);
        fsm.state("decide", { to: ["step", "end"] }, (n: number) => next(n < 3 ? "step" : "end", n));
        fsm.state("end", { terminal: true }, (n: number) => n);
        fsm.addTransition("step", "decide", "default");
        acts.set("add 2", never);
        fsm.run({ store, runId: "r", inputs: { n: 1 } }).catch(() => {});
        await until(() => calls.includes("add 2"));
        await crash(store);
        acts.clear();
        calls.length = 0;
        const run = await fsm.resume("r", { store: another() });
        expect(run.value).toBe(3);
        expect(calls).toEqual(["add 2"]);
        expect(run.child("step")!.get("add")).toBe(3);
        expect(run.get("step.add")).toBe(3);
      });
    });
  });
}
