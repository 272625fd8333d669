import { beforeEach, describe, expect, it } from "vitest";
import { Dag, decide, Fsm, optional, PauseRun, stop, StoreError, waitForEvent, type Context } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { calls, inputs, pipeline, statuses } from "../support/pipeline.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, gate, sleep } from "../support/waiting.js";

/** The guarantees of every store for what it records. */
export function recordingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Runs recorded in ${name}`, () => {
    const { another, count } = useStores(connect);
    let store: SqlStore;

    beforeEach(() => {
      calls.length = 0;
      store = another();
    });

    describe("are recorded", () => {
      it("with the definition and the options of the moment of the call, like any run", async () => {
        const dag = new Dag<any>("edited");
        dag.node("a", (x: number) => x);
        const options = { store, inputs: { x: 1 } };
        const running = dag.run(options);
        dag.node("late", { needs: ["a"] }, () => expect.unreachable());
        options.inputs = { x: 2 };
        expect({ ...(await running).results }).toEqual({ a: 1 });
      });

      it("with their nodes, attempts, edges, inputs and outputs", async () => {
        const run = await pipeline().run({ store, inputs });
        const found = await store.getRun(run.runId);
        expect(found).toMatchObject({
          runId: run.runId,
          workflow: "pipeline",
          kind: "dag",
          status: "completed",
          inputs,
        });
        expect(statuses(found!.nodes)).toEqual({
          load: "completed",
          clean: "completed",
          report: "completed",
          stats: "completed",
        });
        expect(found!.attempts.map(({ node, attempt, status }) => [node, attempt, status])).toEqual([
          ["load", 1, "completed"],
          ["clean", 1, "completed"],
          ["report", 1, "completed"],
          ["stats", 1, "completed"],
        ]);
        expect(found!.edges).toContainEqual({ from: "load", to: "clean" });
        expect(found!.edges.map(({ from, to }) => `${from}>${to}`).sort()).toEqual([
          "clean>report",
          "clean>stats",
          "load>clean",
        ]);
        expect({ ...(found!.attempts[0].input as object) }).toEqual({ from: 3 });
        expect(found!.attempts[1]).toMatchObject({ input: { rows: [1, 2, 3] }, output: 3 });
        expect({ ...found!.outputs }).toEqual({ report: "n=3", stats: { n: 3 } });
        expect(found!.owner).toBeUndefined();
        expect(found!.children).toEqual([]);
        expect(await store.getRun("nobody's")).toBeUndefined();
      });

      it("with every attempt, and the errors of failed ones", async () => {
        const dag = new Dag("flaky");
        dag.node("n", { retry: { retries: 2, delay: 0 } }, (ctx: Context) => {
          if (ctx.attempt < 3) throw new RangeError(`no ${ctx.attempt}`, { cause: "why" });
          return ctx.attempt;
        });
        const { runId } = await dag.run({ store });
        const { attempts, nodes } = (await store.getRun(runId))!;
        expect(attempts.map(({ status }) => status)).toEqual(["failed", "failed", "completed"]);
        expect(attempts[1].error).toMatchObject({ name: "RangeError", message: "no 2", cause: "why" });
        expect(attempts[0].worker).toContain(String(process.pid));
        expect(nodes.get("n")).toMatchObject({ status: "completed", attempts: 3, output: 3 });
      });

      it("with the nodes whose results each node took, however it took them", async () => {
        const dag = new Dag<any>("taking");
        dag.node("a", () => ({ x: 1 }));
        dag.condition("c", { needs: ["a"] }, () => true);
        dag.node("no", { needs: ["c.false"] }, () => 0);
        dag.all("record", { needs: ["a.x", "c"] }, (r: object) => r);
        dag.all("list", { needs: ["a.x", "c"] }, (...list: unknown[]) => list);
        dag.any("either", { needs: ["no", "c.true"] }, (one: unknown) => one);
        dag.node("some", { needs: ["a", optional("no")] }, (a: object, no?: number) => [a, no]);
        const { runId } = await dag.run({ store });
        const taken = (await store.getRun(runId))!.edges.map(({ from, to }) => `${from}>${to}`);
        expect(taken).toEqual(["a>c", "a>record", "c>record", "a>list", "c>list", "c>either", "a>some"]);
      });

      it("with what a node failed with after its attempt, or without one", async () => {
        const dag = new Dag<any>("failing");
        dag.condition("undecided", () => 5 as never);
        dag.node("cached", { needs: [], params: ["n"], cache: { key: () => expect.unreachable("no key") } }, () => 1);
        const { runId } = await dag.run({ store, inputs: { n: 1 }, errorStrategy: "continue" });
        const { nodes } = (await store.getRun(runId))!;
        expect(nodes.get("undecided")).toMatchObject({ status: "failed", attempts: 1 });
        expect((nodes.get("undecided")!.error as Error).message).toMatch(/returned 5/u);
        expect(nodes.get("cached")).toMatchObject({ status: "failed", attempts: 0 });
        expect((nodes.get("cached")!.error as Error).message).toMatch(/no key/u);
        const other = new Dag<any>("unstorable");
        other.node("fn", () => () => 1);
        const { run } = await failure(other.run({ store }));
        const fn = (await store.getRun(run.runId))!.nodes.get("fn");
        expect(fn).toMatchObject({ status: "failed", error: { code: "UNSTORABLE" } });
      });

      it("with branches, skipped and cached nodes, overrides, and the winner of an any", async () => {
        const dag = new Dag("forks");
        dag.condition("big", (n: number) => decide(n > 5, n * 2));
        dag.node("yes", { needs: ["big.true"] }, (n: number) => n);
        dag.node("no", { needs: ["big.false"] }, (n: number) => -n);
        dag.any("either", { needs: ["yes", "no"] }, (n: number) => n);
        dag.cachedNode("rate", (n: number) => n);
        dag.node("given", () => expect.unreachable());
        await dag.run({ inputs: { n: 7 }, overrides: { given: 0 } });
        const { runId } = await dag.run({ store, inputs: { n: 7 }, overrides: { given: 1 } });
        const { nodes, edges, attempts } = (await store.getRun(runId))!;
        expect(nodes.get("big")).toMatchObject({ branch: "true", output: 14 });
        expect(nodes.get("no")).toMatchObject({ status: "skipped", reason: "big.false", attempts: 0 });
        expect(nodes.get("rate")).toMatchObject({ status: "completed", cached: true, attempts: 0, output: 7 });
        expect(nodes.get("given")).toMatchObject({ status: "completed", output: 1, attempts: 0 });
        expect(edges.map(({ from, to }) => `${from}>${to}`).sort()).toEqual(["big>yes", "yes>either"]);
        expect(attempts.map(({ node }) => node).sort()).toEqual(["big", "either", "yes"]);
      });

      it("with hostile names, and values of all kinds", async () => {
        const value = {
          date: new Date(5),
          map: new Map<unknown, unknown>([["k", new Set([1n])]]),
          odd: [undefined, NaN, -0, Infinity],
          bytes: new Uint16Array([1, 2]),
          text: "'; drop table runs; -- \u0000 \ud83d\ude00",
          error: new TypeError("bad", { cause: { deep: true } }),
          self: undefined as unknown,
        };
        value.self = value;
        const dag = new Dag("'; drop table runs; --");
        dag.node("__proto__", () => value);
        dag.node("constructor", { needs: ["__proto__"] }, (v: typeof value) => v.map);
        dag.node("pause", { after: ["constructor"] }, () => {
          throw new PauseRun();
        });
        const { runId } = await dag.run({ store });
        const again = await dag.resume(runId, { store, provide: { pause: 0 } as any });
        expect(again.get("__proto__" as never)).toEqual(value);
        const read = again.get("__proto__" as never) as typeof value;
        expect(read.self).toBe(read);
        expect(Object.is(read.odd[2], -0)).toBe(true);
        expect((await store.getRun(runId))!.nodes.get("constructor")?.output).toEqual(value.map);
      });

      it("unless their names are not storable", async () => {
        const named = (workflow: string, node: string) => {
          const dag = new Dag<any>(workflow);
          dag.node(node, () => expect.unreachable());
          return dag;
        };
        for (const bad of ["a\0b", "\ud800"]) {
          for (const run of [
            () => named("d", bad).run({ store }),
            () => named(bad, "n").run({ store }),
            () => named("d", "n").run({ store, runId: bad }),
          ]) {
            const error = await failure(run());
            expect(error).toMatchObject({ name: "StoreError", code: "UNSTORABLE" });
            expect(error.message).toContain(JSON.stringify(bad));
          }
          const pauses = new Dag("pauses");
          pauses.node("n", () => {
            throw new PauseRun(`why ${bad}?`);
          });
          const { runId } = await pauses.run({ store });
          expect((await store.getRun(runId))!.nodes.get("n")?.reason).toMatch(/^why .*\ufffd.*\?$/u);
        }
        const escaped = new Dag<any>("d");
        escaped.node("\\u0000 \ud83d\ude00", () => 1);
        const { runId } = await escaped.run({ store });
        expect((await escaped.resume(runId, { store })).value).toBe(1);
        expect((await store.listRuns()).runs.length).toBe(3);
      });

      it("only under an unused id", async () => {
        await pipeline().run({ store, inputs, runId: "mine" });
        const error = await failure(pipeline().run({ store, inputs, runId: "mine" }));
        expect(error).toBeInstanceOf(StoreError);
        expect(error.code).toBe("RUN_EXISTS");
        expect(calls.length).toBe(4);
      });

      it("asynchronously: runSync rejects a store", () => {
        expect(() => pipeline().runSync({ store, inputs })).toThrow(/runSync can't wait for a store/u);
      });

      it("with instances of registered classes", async () => {
        class Money {
          constructor(readonly cents: number) {}
          get euros() {
            return this.cents / 100;
          }
        }
        const typed = another({ types: { Money } });
        const dag = new Dag("typed");
        dag.node("price", () => new Money(250));
        dag.node("wait", { needs: ["price"] }, () => {
          throw new PauseRun();
        });
        const { runId } = await dag.run({ store: typed });
        const again = await dag.resume(runId, { store: typed, provide: { wait: 1 } as any });
        expect((again.get("price" as never) as Money).euros).toBe(2.5);
      });

      it("with long values stored once", async () => {
        const long = "x".repeat(2 << 20);
        const dag = new Dag("long");
        dag.node("a", () => long);
        dag.node("b", { needs: ["a"] }, (text: string) => text);
        const { runId } = await dag.run({ store });
        await dag.run({ store });
        expect((await store.getRun(runId))!.nodes.get("b")?.output).toBe(long);
        expect(await count("blobs")).toBe(2); // The value, and the structure of the workflow.
      });
    });

    describe("are durable", () => {
      it("before anything that depends on a completion starts", async () => {
        const other = another();
        const seen: unknown[] = [];
        const look = async (name: string, ctx: Context) =>
          seen.push((await other.getRun(ctx.runId))!.nodes.get(name)?.status);
        const dag = new Dag("strict");
        dag.node("a", () => 1);
        dag.node("b", { needs: ["a"] }, (_: number, ctx: Context) => look("a", ctx));
        dag.node("c", { needs: ["b"] }, (_: number, ctx: Context) => look("b", ctx));
        dag.node("self", async (ctx: Context) => seen.push((await other.getRun(ctx.runId))!.nodes.get("self")?.status));
        await dag.run({ store });
        await dag.run({ store, mode: "async" });
        expect(seen.filter((status) => status === "completed").length).toBe(4);
        expect(seen.filter((status) => status === "running").length).toBe(2);
      });

      it("before a step resolves", async () => {
        const dag = pipeline();
        const seen: unknown[] = [];
        for (let step = await dag.step(undefined, { store, inputs, runId: "s" }); ; step = await dag.step(step.state)) {
          const { nodes, status } = (await store.getRun("s"))!;
          if (step.done) {
            expect(status).toBe("completed");
            break;
          }
          seen.push([step.node, nodes.get(step.node!)?.status]);
        }
        expect(seen).toEqual([
          ["load", "completed"],
          ["clean", "completed"],
          ["report", "completed"],
        ]);
      });

      it("within 100 ms if relaxed", async () => {
        const other = another();
        const dag = new Dag("relaxed");
        let begun: ReturnType<typeof gate>;
        let go: ReturnType<typeof gate>;
        dag.node("a", () => 1);
        dag.node("b", { needs: ["a"] }, () => (begun.open(), go.opened));
        // A slow machine may take longer.
        for (let i = 0, isInTime = false; !isInTime; i++) {
          [begun, go] = [gate(), gate()];
          const runId = `relaxed ${i}`;
          const running = dag.run({ store, runId, durability: "relaxed" });
          await begun.opened;
          await sleep(100);
          isInTime = (await other.getRun(runId))?.nodes.get("a")?.status === "completed";
          go.open();
          await running;
          expect((await other.getRun(runId))!.status).toBe("completed");
        }
      });
    });

    describe("whose values can't be stored", () => {
      const dag = new Dag<any>("unstorable");
      dag.node("make", () => {
        calls.push("make");
        return { rows: [1, { fn: () => 1 }] };
      });
      dag.node("use", { needs: ["make"] }, () => {
        calls.push("use");
        if (calls.length < 3) throw new PauseRun();
        return "used";
      });

      it("fail, with the path of the value", async () => {
        const error = await failure(dag.run({ store }));
        expect(error).toBeInstanceOf(StoreError);
        expect(error).toMatchObject({ code: "UNSTORABLE", path: "rows[1].fn" });
        expect(error.message).toContain('"make"');
        expect(error.message).toContain('onUnstorable: "skip"');
        expect(error.run.status).toBe("failed");
        expect(calls).toEqual(["make"]);
        const { nodes, status } = (await store.getRun(error.run.runId))!;
        expect([status, nodes.get("make")?.status]).toEqual(["failed", "failed"]);
        const unstorable = pipeline().run({ store, inputs: { from: Symbol("s") } });
        const refused = await failure(unstorable);
        expect(refused).toMatchObject({ code: "UNSTORABLE", path: "from" });
        expect(refused.message).not.toContain("onUnstorable");
        const meta = new Dag("meta");
        meta.node("n", (ctx: Context) => void (ctx.metadata.fn = () => 1));
        expect(await failure(meta.run({ store }))).toMatchObject({ code: "UNSTORABLE", path: "fn" });
      });

      it("fail, too, if nothing comes after the value", async () => {
        const last = new Dag<any>("last");
        last.node("make", () => ({ rows: [1, { fn: () => 1 }] }));
        const machine = new Fsm<any>("last");
        machine.state("make", { initial: true }, () => stop({ fn: () => 1 }));
        const runs = [
          () => last.run({ store }),
          () => last.run({ store, mode: "async", durability: "relaxed" }),
          () => last.run({ store, inputs: {}, hooks: { preExecute: () => {} } as any }),
          () => machine.run({ store }),
        ];
        for (const run of runs) {
          const error = await failure(run());
          expect(error).toMatchObject({ name: "StoreError", code: "UNSTORABLE" });
          expect(error.run.status).toBe("failed");
          const found = (await store.getRun(error.run.runId))!;
          expect([found.status, found.error]).toMatchObject(["failed", { name: "StoreError" }]);
        }
      });

      it("continue with onUnstorable: skip, and compute them again when resumed", async () => {
        const lenient = another({ onUnstorable: "skip" });
        const { runId, status } = await dag.run({ store: lenient });
        expect(status).toBe("paused");
        expect((await lenient.getRun(runId))!.nodes.get("make")).toMatchObject({
          status: "completed",
          resumable: false,
        });
        const run = await dag.resume(runId, { store: lenient });
        expect(run.get("use")).toBe("used");
        expect(calls).toEqual(["make", "use", "make", "use"]);
      });

      it("with onUnstorable: skip, leave out metadata and the data of pauses, but no inputs, events or values of states", async () => {
        const lenient = another({ onUnstorable: "skip" });
        const pausing = new Dag<any>("pausing");
        pausing.node("n", (ctx: Context) => {
          Object.assign(ctx.metadata, { fn: () => 1, mixed: [() => 1, 2], ok: { n: 3 } });
          throw new PauseRun("ask Ann", { data: { fn: () => 1 } });
        });
        const { runId } = await pausing.run({ store: lenient });
        expect(await store.getRun(runId)).toMatchObject({ status: "paused", metadata: { ok: { n: 3 } } });
        const [pause] = (await store.getRun(runId))!.pauses;
        expect(pause).toEqual({ node: "n", reason: "ask Ann", data: undefined, until: undefined });
        const machine = new Fsm<any>("waits");
        machine.state("a", { initial: true }, (value: unknown) =>
          value === 1 ? stop(() => 1) : waitForEvent({ GO: "a" }),
        );
        await machine.run({ store: lenient, runId: "waits", inputs: { value: 0 } });
        const refused = [
          () => pipeline().run({ store: lenient, inputs: { from: () => 1 } }),
          () => machine.send("waits", "GO", () => 1, { store: lenient }),
          () => machine.run({ store: lenient, inputs: { value: 1 } }),
        ];
        for (const each of refused) {
          const error = await failure(each());
          expect(error).toMatchObject({ code: "UNSTORABLE", message: expect.stringContaining("it is a function") });
          expect(error.message).not.toContain("onUnstorable");
        }
      });
    });
  });
}
