import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, PauseRun, ValidationError, type Context, type RunProgress } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { calls, inputs, pipeline, statuses } from "../support/pipeline.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, gate, never, until } from "../support/waiting.js";

/** The guarantees of every store for runs that continue. */
export function resumingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Runs recorded in ${name}`, () => {
    const { another, count, crash, execute } = useStores(connect);
    let store: SqlStore;

    beforeEach(() => {
      calls.length = 0;
      store = another();
    });

    describe("are resumed", () => {
      it("after a failure: completed nodes keep their results, all others run", async () => {
        const broken = new Set(["report"]);
        const dag = pipeline(broken);
        const error = await failure(dag.run({ store, inputs }));
        expect(error.run.status).toBe("failed");
        expect(statuses((await store.getRun(error.run.runId))!.nodes)).toEqual({
          load: "completed",
          clean: "completed",
          report: "failed",
          stats: "cancelled",
        });
        broken.clear();
        calls.length = 0;
        const run = await dag.resume(error.run.runId, { store: another() });
        expect(run.status).toBe("completed");
        expect(calls).toEqual(["report", "stats"]);
        expect(run.runId).toBe(error.run.runId);
        expect(run.nodes.get("report")?.attempts).toBe(2);
        expect({ ...run.results }).toEqual({ load: [1, 2, 3], clean: 3, report: "n=3", stats: { n: 3 } });
        expect((await store.getRun(run.runId))!.status).toBe("completed");
      });

      it("and return the recorded result if they have completed", async () => {
        const first = await pipeline().run({ store, inputs });
        calls.length = 0;
        const run = await pipeline().resume(first.runId, { store: another() });
        expect(calls).toEqual([]);
        expect({ ...run.results }).toEqual({ ...first.results });
        expect(run.status).toBe("completed");
        expect({ ...run.outputs }).toEqual({ ...first.outputs });
        // In ms, and the clocks of the process and of the system drift apart.
        const [before, after] = [first, run].map(({ nodes }) => nodes.get("load")?.startedAt as number);
        expect(Math.abs(after - before)).toBeLessThan(50);
      });

      it("with the progress that they had", async () => {
        const broken = new Set(["report"]);
        const dag = pipeline(broken);
        const error = await failure(dag.run({ store, inputs }));
        broken.clear();
        const told: number[] = [];
        await dag.resume(error.run.runId, { store, onProgress: ({ completed }: RunProgress) => told.push(completed) });
        expect(told).toEqual([3, 4]);
      });

      it("with no more nodes than a partial run was to compute", async () => {
        const broken = new Set(["c"]);
        const dag = new Dag<any>("part");
        dag.node("a", () => 1);
        dag.node("b", { needs: ["a"] }, () => expect.unreachable());
        dag.node("c", { needs: ["a"] }, (a: number) => (broken.has("c") ? expect.unreachable() : a));
        const { runId } = (await failure(dag.runUntil("c", { store }))).run;
        broken.clear();
        const run = await dag.resume(runId, { store: another() });
        expect(statuses(run.nodes)).toEqual({ a: "completed", b: "skipped", c: "completed" });
        expect((await store.getRun(runId))!.nodes.get("b")?.status).toBe("skipped");
      });

      it("with times that count from when it first began", async () => {
        const broken = new Set(["report"]);
        const dag = pipeline(broken);
        const error = await failure(dag.run({ store, inputs }));
        broken.clear();
        await new Promise((resolve) => setTimeout(resolve, 30));
        const run = await dag.resume(error.run.runId, { store: another() });
        expect(run.metrics.total).toBeGreaterThan(29);
        const starts = new Map(run.timeline().map(({ node, start }) => [node, start]));
        expect(starts.get("load")).toBeGreaterThan(-5);
        expect(starts.get("report")).toBeGreaterThan(29);
        const again = await dag.resume(run.runId, { store: another() });
        expect(again.metrics.total).toBeGreaterThan(29);
      });

      it("with continued attempt numbers, a fresh retry budget, and the same idempotency key", async () => {
        const seen: unknown[] = [];
        const dag = new Dag("retried");
        dag.node("n", { retry: { retries: 1, delay: 0 } }, (ctx: Context) => {
          seen.push(ctx.attempt, ctx.idempotencyKey);
          throw new Error("always");
        });
        const error = await failure(dag.run({ store, runId: "r" }));
        await failure(dag.resume("r", { store }));
        expect(seen.filter((value) => typeof value === "number")).toEqual([1, 2, 3, 4]);
        expect(new Set(seen.filter((value) => typeof value === "string")).size).toBe(1);
        expect(error.run.runId).toBe("r");
        expect((await store.getRun("r"))!.nodes.get("n")?.attempts).toBe(4);
        await failure(dag.replay("r", { store, rerun: ["n"] as never }));
        expect(seen.at(-1)).not.toBe(seen[1]);
        expect(seen.at(-2)).toBe(2);
      });

      it("with their metadata", async () => {
        const dag = new Dag<any>("shared");
        dag.node("write", (ctx: Context) => void (ctx.metadata.seen = new Set(["write"])));
        dag.node("pause", { after: ["write"] }, (ctx: Context) => {
          if (ctx.attempt === 1) throw new PauseRun();
          return ctx.metadata.seen;
        });
        const { runId } = await dag.run({ store, context: { metadata: { given: 1 } } });
        const run = await dag.resume(runId, { store: another() });
        expect(run.get("pause")).toEqual(new Set(["write"]));
        expect(run.context.metadata.given).toBe(1);
      });

      it("after a cancellation", async () => {
        const dag = new Dag<any>("cancelled");
        dag.node("quick", () => calls.push("quick"));
        dag.node("slow", { needs: ["quick"] }, (_: number, ctx: Context) => {
          calls.push("slow");
          return ctx.attempt === 1 ? never() : "done";
        });
        const handle = dag.start({ store });
        await until(() => calls.includes("slow"));
        const { status, runId } = await handle.cancel("enough");
        expect(status).toBe("cancelled");
        const recorded = (await store.getRun(runId))!;
        expect([recorded.status, recorded.nodes.get("slow")?.status]).toEqual(["cancelled", "cancelled"]);
        expect((await dag.resume(runId, { store })).value).toBe("done");
        expect(calls).toEqual(["quick", "slow", "slow"]);
      });

      it("after a crash, when the lease has expired", async () => {
        const dag = new Dag<any>("crashed");
        dag.node("quick", () => calls.push("quick"));
        dag.node("slow", { needs: ["quick"] }, (_: number, ctx: Context) => {
          calls.push(`slow ${ctx.attempt}`);
          return ctx.attempt === 1 ? never() : "done";
        });
        const first = another();
        const lost = failure(dag.run({ store: first, runId: "lost" }));
        await until(() => calls.includes("slow 1"));
        expect(await failure(dag.resume("lost", { store }))).toMatchObject({ code: "LEASE_HELD" });
        expect(await failure(dag.resume("lost", { store: first }))).toMatchObject({ code: "LEASE_HELD" });
        await crash(first);
        expect((await dag.resume("lost", { store })).value).toBe("done");
        expect(calls).toEqual(["quick", "slow 1", "slow 2"]);
        void lost;
      });

      it("as partial runs, with their scope and the results copied from another run", async () => {
        const broken = new Set<string>();
        const dag = pipeline(broken);
        await dag.run({ inputs });
        broken.add("report");
        const error = await failure(dag.runFrom("clean", { store, inputs, errorStrategy: "failFast" }));
        broken.clear();
        calls.length = 0;
        const fresh = pipeline();
        const run = await fresh.resume(error.run.runId, { store });
        expect(calls).toEqual(["report", "stats"]);
        expect(run.nodes.get("load")?.status).toBe("copied");
        expect(run.get("load")).toEqual([1, 2, 3]);
      });

      it("with the nodes that were skipped because of a failure", async () => {
        const broken = new Set(["clean"]);
        const dag = pipeline(broken);
        const first = await dag.run({ store, inputs, errorStrategy: "continue" });
        expect(first.nodes.get("report")?.status).toBe("skipped");
        broken.clear();
        const run = await dag.resume(first.runId, { store });
        expect(run.status).toBe("completed");
        expect(calls).toEqual(["load", "clean", "clean", "report", "stats"]);
      });

      it("only by their own workflow, and only if they exist", async () => {
        const { runId } = await pipeline().run({ store, inputs });
        const other = new Dag("other");
        other.node("load", () => 1);
        expect(await failure(other.resume(runId, { store }))).toBeInstanceOf(ValidationError);
        expect(await failure(pipeline().resume("nobody's", { store }))).toMatchObject({ code: "NOT_FOUND" });
        await expect(pipeline().resume(runId, { store, inputs } as any)).rejects.toThrow(
          /"inputs" is not an option here/u,
        );
        await expect(pipeline().resume(runId, {} as any)).rejects.toThrow(/needs the "store"/u);
        await expect(pipeline().run({ store: {} as any })).rejects.toThrow(/"store" must be a store/u);
      });
    });

    describe("that paused", () => {
      const dag = new Dag<any>("approval");
      dag.node("load", () => calls.push("load"));
      dag.node("approve", { needs: ["load"] }, (_: number, ctx: Context) => {
        calls.push("approve");
        if (ctx.attempt < 2) throw new PauseRun("Ann decides");
        return "by itself";
      });
      dag.node("publish", { needs: ["approve"] }, (by: unknown) => (calls.push("publish"), by));
      dag.node("log", { after: ["approve"] }, () => calls.push("log"));

      it("continue with a provided value", async () => {
        const { runId } = await dag.run({ store });
        expect(statuses((await store.getRun(runId))!.nodes)).toEqual({
          load: "completed",
          approve: "paused",
          publish: "pending",
          log: "pending",
        });
        expect((await store.getRun(runId))!.nodes.get("approve")?.reason).toBe("Ann decides");
        const run = await dag.resume(runId, { store: another(), provide: { approve: true } });
        expect(run.get("publish")).toBe(true);
        expect(calls).toEqual(["load", "approve", "publish", "log"]);
        expect((await store.getRun(runId))!.nodes.get("approve")).toMatchObject({ status: "completed", output: true });
      });

      it("call the node again without one", async () => {
        const { runId } = await dag.run({ store });
        const run = await dag.resume(runId, { store });
        expect(run.get("publish")).toBe("by itself");
        expect(run.nodes.get("approve")?.attempts).toBe(2);
      });

      it("reject a value for any other node", async () => {
        const { runId } = await dag.run({ store });
        for (const name of ["publish", "load", "aprove"]) {
          const error = await failure(dag.resume(runId, { store, provide: { [name]: 1 } }));
          expect(error).toBeInstanceOf(ValidationError);
          expect(error.message).toContain('"approve"');
        }
        expect((await store.getRun(runId))!.status).toBe("paused");
      });

      it("continue after pause(), too, and complete if nothing was left", async () => {
        const slow = new Dag<any>("slow");
        const done = gate();
        slow.node("a", () => {
          calls.push("a");
          return done.opened;
        });
        slow.node("b", { needs: ["a"] }, () => calls.push("b"));
        const handle = slow.start({ store });
        await until(() => calls.includes("a"));
        const pausing = handle.pause();
        done.open();
        const paused = await pausing;
        expect(paused.status).toBe("paused");
        expect((await slow.resume(paused.runId, { store })).status).toBe("completed");
        expect(calls).toEqual(["a", "b"]);
        const last = slow.start({ store });
        await until(() => calls.length === 4);
        expect((await last.pause()).status).toBe("completed");
      });
    });

    describe("belong to one driver", () => {
      it("whose writes are rejected after another one has taken over", async () => {
        const dag = new Dag<any>("stolen");
        let go: (() => void) | undefined;
        dag.node("a", (ctx: Context) =>
          ctx.attempt === 1 ? new Promise<void>((resolve) => (go = resolve)) : "second",
        );
        dag.node("b", { needs: ["a"] }, (a: unknown) => (calls.push("b"), a));
        const stale = failure(dag.run({ store, runId: "s" }));
        await until(() => go !== undefined);
        await execute("update runs set lease_expires_at = 0");
        const run = await dag.resume("s", { store: another() });
        go?.();
        const error = await stale;
        expect(error).toMatchObject({ name: "StoreError", code: "LEASE_LOST" });
        expect(run.value).toBe("second");
        expect(calls).toEqual(["b"]);
        expect((await store.getRun("s"))!.nodes.get("a")?.output).toBe("second");
      });

      it("that renews the lease", async () => {
        const quick = another({ lease: 900 });
        const dag = new Dag<any>("long");
        let go: (() => void) | undefined;
        dag.node("a", () => new Promise<void>((resolve) => (go = resolve)));
        const running = dag.run({ store: quick, runId: "l" });
        await until(() => go !== undefined);
        const firstEnd = Date.now() + 900;
        await until(async () => (await count(`runs where lease_expires_at > ${firstEnd + 100}`)) === 1);
        await until(() => Date.now() > firstEnd);
        expect(await failure(dag.resume("l", { store }))).toMatchObject({ code: "LEASE_HELD" });
        go?.();
        expect((await running).status).toBe("completed");
      });

      it("and are recovered when their lease has expired, unless they are paused", async () => {
        const first = another();
        let stuck = true;
        const dag = new Dag<any>("recovered");
        dag.node("a", (kind: string) => {
          calls.push(kind);
          if (kind === "pauses") throw new PauseRun();
          if (kind === "fails" && !stuck) throw new Error("still");
          return stuck ? never() : kind;
        });
        for (const kind of ["one", "two", "fails"]) void dag.run({ store: first, inputs: { kind } }).catch(() => {});
        await dag.run({ store: first, inputs: { kind: "pauses" } });
        const other = new Dag<any>("another");
        other.node("a", () => (calls.push("other"), never()));
        void other.run({ store: first }).catch(() => {});
        await until(() => calls.length === 5);
        expect(await dag.recover({ store })).toEqual([]);
        stuck = false;
        await crash(first);
        const results = await dag.recover({ store });
        expect(results.map(({ status, value }) => [status, value]).sort()).toEqual([
          ["completed", "one"],
          ["completed", "two"],
          ["failed", undefined],
        ]);
        expect(await dag.recover({ store })).toEqual([]);
      });
    });

    describe("of a workflow that has changed", () => {
      function changed(): Dag<any> {
        const dag = new Dag<any>("pipeline");
        dag.node("load", (from: unknown) => (calls.push("load"), [1, from]));
        dag.node("clean", { needs: ["load"] }, (rows: unknown[]) => (calls.push("clean"), rows.length));
        dag.node("report", { needs: ["load"] }, (rows: unknown[]) => (calls.push("report"), `rows ${rows.length}`));
        dag.node("mail", { needs: ["report"] }, (text: string) => (calls.push("mail"), text));
        return dag;
      }

      it("are rejected with the differences", async () => {
        const error = await failure(pipeline(new Set(["stats"])).run({ store, inputs }));
        calls.length = 0;
        const refusal = await failure(changed().resume(error.run.runId, { store }));
        expect(refusal).toBeInstanceOf(ValidationError);
        expect(refusal.message).toContain('added "mail"; removed "stats"; rewired "report"');
        expect(calls).toEqual([]);
        expect((await store.getRun(error.run.runId))!.status).toBe("failed");
      });

      it("continue if only code, options or the definition order changed", async () => {
        const make = ({ isNew }: { isNew: boolean }) => {
          const dag = new Dag<any>("same");
          const nodes = [
            () => dag.node("a", () => 1),
            () => dag.node("b", () => 2),
            () =>
              isNew
                ? dag.node(
                    "sum",
                    { needs: ["a", "b"], retry: 2 },
                    (a: number, b: number, ctx: Context) => a + b + ctx.attempt,
                  )
                : dag.node("sum", { needs: ["a", "b"] }, () => {
                    throw new Error("not yet");
                  }),
          ];
          for (const define of isNew ? nodes.reverse() : nodes) define();
          return dag;
        };
        const error = await failure(make({ isNew: false }).run({ store }));
        expect((await make({ isNew: true }).resume(error.run.runId, { store })).get("sum")).toBe(5);
      });

      it("continue with allowChanges, keeping the results that are still valid", async () => {
        const error = await failure(pipeline(new Set(["stats"])).run({ store, inputs }));
        calls.length = 0;
        const run = await changed().resume(error.run.runId, { store, allowChanges: true });
        expect(calls).toEqual(["report", "mail"]);
        expect(run.get("mail")).toBe("rows 3");
        calls.length = 0;
        expect((await changed().resume(error.run.runId, { store })).get("mail")).toBe("rows 3");
        expect(calls).toEqual([]);
      });

      it("go on with allowChanges, and never with a result that does not hold, though they fail again", async () => {
        const broken = new Set(["end"]);
        const make = (isGrown: boolean) => {
          const needs = isGrown ? ["a", "new"] : ["a"];
          const dag = new Dag<any>("grown");
          const work = (name: string, value: unknown) => (broken.has(name) ? expect.unreachable() : value);
          dag.node("a", () => 1);
          if (isGrown) dag.node("new", () => 2);
          dag.node("sum", { needs, params: needs }, (...all: unknown[]) => work("sum", all.slice(0, needs.length)));
          dag.node("end", { needs: ["sum"] }, (sum: number[]) => work("end", sum));
          return dag;
        };
        const { runId } = (await failure(make(false).run({ store }))).run;
        broken.add("sum");
        await failure(make(true).resume(runId, { store, allowChanges: true }));
        broken.clear();
        expect((await make(true).resume(runId, { store })).value).toEqual([1, 2]);
      });

      it("lack the inputs of what they run now, and of nothing else", async () => {
        const make = (isGrown: boolean) => {
          const dag = new Dag<any>("asking");
          dag.node("a", () => 1);
          dag.node("b", { needs: ["a"] }, isGrown ? (a: number, factor: number) => a * factor : (a: number) => a);
          dag.node("c", { needs: ["a"] }, (a: number) => (isGrown ? a : expect.unreachable()));
          return dag;
        };
        const { runId } = await make(false).run({ store, errorStrategy: "continue" });
        const options = { store, allowChanges: true };
        const work = [
          (more: object) => make(true).resume(runId, { ...options, ...more }),
          (more: object) => make(true).replay(runId, { ...options, rerun: ["c"], ...more }),
        ];
        for (const each of work) {
          expect(await failure(each({}))).toMatchObject({ code: "MISSING_INPUT", missing: ["factor"] });
        }
        for (const each of work.reverse()) expect((await each({ overrides: { b: 5 } })).get("b")).toBe(5);
        const part = (await failure(make(false).runUntil("c", { store }))).run;
        expect((await make(true).resume(part.runId, options)).value).toBe(1);
      });

      it("are not those of another kind of workflow, though that has the same name", async () => {
        const { runId } = await pipeline().run({ store, inputs });
        const fsm = new Fsm<any>(pipeline().name);
        fsm.state("load", { initial: true }, () => 1);
        const error = await failure(fsm.resume(runId, { store }));
        expect(error).toMatchObject({ code: "VALIDATION", message: expect.stringContaining("dag") });
      });

      it("continue with allowChanges without the removed nodes of a partial run", async () => {
        const make = (...names: string[]) => {
          const dag = new Dag<any>("partial");
          dag.node("a", () => 1);
          for (const name of names) dag.node(name, { needs: ["a"] }, () => isMended || expect.unreachable());
          return dag;
        };
        let isMended = false;
        const { runId } = (await failure(make("p", "q").runFrom("a", { store }))).run;
        isMended = true;
        await make("q").resume(runId, { store, allowChanges: true });
        expect((await store.getRun(runId))!.status).toBe("completed");
        expect((await make("q").resume(runId, { store })).get("q")).toBe(true);
        expect((await make("q").replay(runId, { store, rerun: ["q"] })).get("q")).toBe(true);
      });
    });
  });
}
