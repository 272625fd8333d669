import { beforeEach, describe, expect, it } from "vitest";
import {
  Dag,
  decide,
  Fsm,
  next,
  optional,
  PauseRun,
  stop,
  StoreError,
  ValidationError,
  waitForEvent,
  type Context,
  type RunProgress,
} from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, never, sleep, until } from "../support/waiting.js";

const statuses = (nodes: ReadonlyMap<string, { readonly status: string }>) =>
  Object.fromEntries(Array.from(nodes, ([name, { status }]) => [name, status]));

/** The names of nodes in the order of their calls. */
let calls: string[];

/** load → clean → report, and clean → stats. Nodes in `broken` fail. */
function pipeline(broken = new Set<string>()): Dag<any> {
  const dag = new Dag<any>("pipeline");
  const called = <T>(name: string, value: T): T => {
    calls.push(name);
    if (broken.has(name)) throw new Error(`${name} is broken`);
    return value;
  };
  dag.node("load", (from: unknown) => called("load", [1, 2, from]));
  dag.node("clean", { needs: ["load"] }, (rows: unknown[]) => called("clean", rows.length));
  dag.node("report", { needs: ["clean"] }, (n: number) => called("report", `n=${n}`));
  dag.node("stats", { needs: ["clean"] }, (n: number) => called("stats", { n }));
  return dag;
}

const inputs = { from: 3 };

/** The guarantees of every store for recorded runs. */
export function storeContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Runs recorded in ${name}`, () => {
    const { another, count, crash, execute } = useStores(connect);
    let store: SqlStore;

    beforeEach(() => {
      calls = [];
      store = another();
    });

    describe("are recorded", () => {
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
        let runId = "";
        let go = () => {};
        const dag = new Dag("relaxed");
        dag.node("a", () => 1);
        dag.node("b", { needs: ["a"] }, (_: number, ctx: Context) => {
          runId = ctx.runId;
          return new Promise<void>((resolve) => (go = resolve));
        });
        const running = dag.run({ store, durability: "relaxed" });
        await until(() => runId !== "");
        await sleep(100);
        const { nodes } = (await other.getRun(runId))!;
        go();
        expect(nodes.get("a")?.status).toBe("completed");
        await running;
        expect((await other.getRun(runId))!.status).toBe("completed");
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
        calls = [];
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
        calls = [];
        const run = await pipeline().resume(first.runId, { store: another() });
        expect(calls).toEqual([]);
        expect({ ...run.results }).toEqual({ ...first.results });
        expect(run.status).toBe("completed");
        expect({ ...run.outputs }).toEqual({ ...first.outputs });
        expect(run.nodes.get("load")?.startedAt).toBeCloseTo(first.nodes.get("load")?.startedAt as number, 0);
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
        calls = [];
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
        await expect(pipeline().resume(runId, { store, inputs } as any)).rejects.toThrow(/"inputs" is not asked for/u);
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
        slow.node("a", () => {
          calls.push("a");
          return sleep(30);
        });
        slow.node("b", { needs: ["a"] }, () => calls.push("b"));
        const handle = slow.start({ store });
        await until(() => calls.includes("a"));
        const paused = await handle.pause();
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
        const quick = another({ lease: 150 });
        const dag = new Dag<any>("long");
        let go: (() => void) | undefined;
        dag.node("a", () => new Promise<void>((resolve) => (go = resolve)));
        const running = dag.run({ store: quick, runId: "l" });
        await until(() => go !== undefined);
        await sleep(400);
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
        calls = [];
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
        calls = [];
        const run = await changed().resume(error.run.runId, { store, allowChanges: true });
        expect(calls).toEqual(["report", "mail"]);
        expect(run.get("mail")).toBe("rows 3");
        calls = [];
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

    describe("are replayed", () => {
      it("from some nodes on, as a new run linked to the old one", async () => {
        const dag = pipeline();
        const first = await dag.run({ store, inputs });
        calls = [];
        const run = await dag.replay(first.runId, { store, rerun: ["report"] });
        expect(calls).toEqual(["report"]);
        expect(run.runId).not.toBe(first.runId);
        expect(statuses(run.nodes)).toEqual({
          load: "copied",
          clean: "copied",
          report: "completed",
          stats: "copied",
        });
        expect([run.get("load"), run.has("stats"), run.get("stats")]).toEqual([[1, 2, 3], true, { n: 3 }]);
        const found = (await store.getRun(run.runId))!;
        expect(found.parentRunId).toBe(first.runId);
        expect(found.nodes.get("load")).toMatchObject({ status: "copied", output: [1, 2, 3] });
        expect((await store.getRun(first.runId))!.children).toEqual([run.runId]);
        calls = [];
        const second = await dag.replay(run.runId, { store, rerun: ["clean"] });
        expect(calls).toEqual(["clean", "report", "stats"]);
        expect(second.get("stats")).toEqual({ n: 3 });
      });

      it("with only: true, without the nodes that depend on them", async () => {
        const dag = pipeline();
        const first = await dag.run({ store, inputs });
        calls = [];
        const run = await dag.replay(first.runId, { store, rerun: ["clean"], only: true });
        expect(calls).toEqual(["clean"]);
        expect(run.get("report")).toBe("n=3");
      });

      it("without the nodes that the old run skipped", async () => {
        const dag = new Dag<any>("forked");
        dag.condition("c", () => true);
        dag.node("no", { needs: ["c.false"] }, () => expect.unreachable());
        dag.node("then", { needs: ["no"] }, () => expect.unreachable());
        dag.node("other", () => 1);
        let { runId } = await dag.run({ store });
        for (const node of ["other", "then", "then"]) {
          const run = await dag.replay(runId, { store, rerun: [node] });
          expect(statuses(run.nodes)).toMatchObject({ no: "skipped", then: "skipped" });
          const found = (await store.getRun(run.runId))!;
          expect(statuses(found.nodes)).toEqual({ ...statuses(run.nodes), c: "copied" });
          runId = run.runId;
        }
      });

      it("unless a needed result is missing, or a node is unknown", async () => {
        const error = await failure(pipeline(new Set(["clean"])).run({ store, inputs }));
        calls = [];
        const refusal = await failure(pipeline().replay(error.run.runId, { store, rerun: ["report"] }));
        expect(refusal).toMatchObject({ code: "MISSING_RESULT", missing: ["clean"] });
        const unknown = await failure(pipeline().replay(error.run.runId, { store, rerun: ["raport"] }));
        expect(unknown.message).toContain('"report"');
        for (const rerun of [undefined, [], "report", [1]]) {
          const refused = pipeline().replay(error.run.runId, { store, rerun } as any);
          await expect(refused).rejects.toThrow(/"rerun" must be/u);
        }
        expect(calls).toEqual([]);
      });

      it("by runFrom with the id of a run", async () => {
        const { runId } = await pipeline().run({ store, inputs });
        calls = [];
        const run = await pipeline().runFrom("stats", { from: runId, store, inputs });
        expect(calls).toEqual(["stats"]);
        expect(run.get("load")).toEqual([1, 2, 3]);
        expect((await store.getRun(run.runId))!.parentRunId).toBe(runId);
        await expect(pipeline().runFrom("stats", { from: runId, inputs })).rejects.toThrow(/takes the "store"/u);
      });
    });

    describe("can be looked up", () => {
      it("in pages, newest first, by workflow, status and time", async () => {
        await expect(store.listRuns({ status: "complete" as any })).rejects.toThrow(/Did you mean "completed"/u);
        const ids: string[] = [];
        for (let i = 0; i < 5; i++) ids.unshift((await pipeline().run({ store, inputs })).runId);
        const other = new Dag("other");
        other.node("n", () => {
          throw new Error("no");
        });
        await failure(other.run({ store }));
        const first = await store.listRuns({ workflow: "pipeline", limit: 3 });
        const second = await store.listRuns({ workflow: "pipeline", limit: 3, cursor: first.cursor });
        expect([...first.runs, ...second.runs].map(({ runId }) => runId)).toEqual(ids);
        expect(second.cursor).toBeUndefined();
        expect((await store.listRuns({ status: "failed" })).runs.map(({ workflow }) => workflow)).toEqual(["other"]);
        expect((await store.listRuns({ since: Date.now() + 1000 })).runs).toEqual([]);
        expect((await store.listRuns({ since: new Date(0) })).runs.length).toBe(6);
        await expect(store.listRuns({ limit: 0 })).rejects.toThrow(RangeError);
        await expect(store.listRuns({ cursor: "nonsense" })).rejects.toThrow(/"cursor" must be/u);
        await expect(store.listRuns({ workflw: "x" } as any)).rejects.toThrow(/"workflow"/u);
      });

      it("with statistics", async () => {
        const broken = new Set<string>();
        const dag = pipeline(broken);
        for (let i = 0; i < 3; i++) await dag.run({ store, inputs });
        broken.add("report");
        await failure(dag.run({ store, inputs }));
        const { runs, nodes } = await store.stats("pipeline");
        expect(runs).toMatchObject({ total: 4, completed: 3, failed: 1, running: 0 });
        expect(nodes.get("report")).toMatchObject({ completed: 3, failed: 1 });
        const { p50, p99 } = nodes.get("load")!;
        const { nodes: last } = (await store.getRun((await store.listRuns()).runs[0].runId))!;
        expect(p50).toBeLessThanOrEqual(p99!);
        expect(p99).toBeGreaterThanOrEqual(last.get("load")!.duration!);
      });

      it("with the differences between two", async () => {
        const a = await pipeline().run({ store, inputs });
        const b = await pipeline().run({ store, inputs: { from: 4 } });
        const difference = await store.diffRuns(a.runId, b.runId);
        expect(difference.nodes.map(({ node, differs }) => [node, differs])).toEqual([["load", ["output"]]]);
        expect(difference.inputs).toEqual(["from"]);
        expect((await store.diffRuns(a.runId, a.runId)).nodes).toEqual([]);
        const other = new Dag<any>("other");
        other.node("load", () => [1, 2, 3]);
        other.node("more", () => 1);
        const { runId } = await other.run({ store });
        const { nodes } = await store.diffRuns(a.runId, runId);
        const present = nodes.filter(({ differs }) => differs.includes("presence")).map(({ node }) => node);
        expect(present).toEqual(["clean", "report", "stats", "more"]);
        expect(nodes.find(({ node }) => node === "more")).toMatchObject({ a: undefined, b: { output: 1 } });
        expect(await failure(store.diffRuns(a.runId, "none"))).toMatchObject({ code: "NOT_FOUND" });
      });

      it("without redacted values, which resuming still uses", async () => {
        const dag = new Dag<any>("secret");
        dag.node("login", (password: string) => ({
          user: "ann",
          token: `t-${password}`,
          tries: [{ ip: "1" }, { ip: "2" }],
        }));
        dag.node("use", { needs: ["login.token"] }, (token: string) => token);
        dag.node("wait", { needs: ["login"] }, (login: unknown, ctx: Context) => {
          if (ctx.attempt === 1) throw new PauseRun();
          return login;
        });
        const { runId } = await dag.run({ store, inputs: { password: "p" } });
        store.redact("login.token").redact("login.tries[1].ip").redact("inputs.password").redact("use");
        const { inputs: shown, nodes, attempts } = (await store.getRun(runId))!;
        const login = { user: "ann", token: "[redacted]", tries: [{ ip: "1" }, { ip: "[redacted]" }] };
        expect(shown).toEqual({ password: "[redacted]" });
        expect(nodes.get("login")?.output).toEqual(login);
        expect(nodes.get("use")?.output).toBe("[redacted]");
        expect(attempts.find(({ node }) => node === "use")?.input).toEqual({ token: "[redacted]" });
        const run = await dag.resume(runId, { store });
        expect(run.get("wait")).toMatchObject({ token: "t-p" });
        const whole = (await store.redact("inputs").getRun(runId))!;
        expect(whole.inputs).toBe("[redacted]");
        expect(whole.nodes.get("login")).toMatchObject({ status: "completed", output: login });
      });

      it("without what is redacted in maps and sets", async () => {
        const dag = new Dag<any>("secret");
        const value = () =>
          new Map<unknown, unknown>([
            ["key", { pin: 1 }],
            [7, "n"],
            ["ids", new Set(["a", "b"])],
          ]);
        dag.node("login", value);
        const { runId } = await dag.run({ store });
        const outputOf = async () => (await store.getRun(runId))!.nodes.get("login")!.output;
        store.redact("login.other");
        expect(await outputOf()).toEqual(value());
        store.redact("login.key.pin").redact("login.7").redact("login.ids[1]");
        const hidden = "[redacted]";
        const shown = new Map<unknown, unknown>([
          ["key", { pin: hidden }],
          [7, hidden],
          ["ids", new Set(["a", hidden])],
        ]);
        expect(await outputOf()).toEqual(shown);
      });

      it("until they are pruned", async () => {
        const dag = pipeline();
        for (let i = 0; i < 4; i++) await dag.run({ store, inputs });
        const waits = new Dag<any>("waits");
        waits.node("n", () => {
          throw new PauseRun();
        });
        await waits.run({ store });
        expect(await store.prune({ olderThan: 60_000 })).toBe(0);
        expect(await store.prune({ keepLast: 3 })).toBe(1);
        await sleep(620);
        await dag.run({ store, inputs });
        // The last run is younger than that, even on a slow machine.
        expect(await store.prune({ olderThan: 600, keepLast: 3 })).toBe(3);
        expect((await store.listRuns()).runs.map(({ workflow, status }) => [workflow, status])).toEqual([
          ["pipeline", "completed"],
          ["waits", "paused"],
        ]);
        expect(await count("node_executions")).toBe(5);
        expect(await store.prune({ olderThan: 0 })).toBe(1);
        await expect(store.prune({})).rejects.toThrow(/"olderThan", "keepLast" or both/u);
        expect(await count("edge_traversals")).toBe(0);
      });
    });

    it("are kept per workflow when many others are pruned", async () => {
      for (const [name, runs] of [
        ["often", 102],
        ["seldom", 3],
      ] as const) {
        const dag = new Dag(name);
        dag.node("n", () => 1);
        await Promise.all(Array.from({ length: runs }, () => dag.run({ store })));
      }
      expect(await store.prune({ keepLast: 1 })).toBe(101 + 2);
      expect((await store.listRuns()).runs.map(({ workflow }) => workflow).sort()).toEqual(["often", "seldom"]);
    });

    describe("of an fsm", () => {
      function order(behave: (state: string, ctx: { attempt: number; cycle: number }) => unknown = () => {}): Fsm<any> {
        const fsm = new Fsm<any>("order");
        const called = (ctx: any) => {
          calls.push(`${ctx.nodeName}.${ctx.cycle}`);
          return behave(ctx.nodeName, ctx);
        };
        fsm.state("draft", { initial: true }, (n: number, ctx: any) => called(ctx) ?? next("count", n));
        fsm.state(
          "count",
          (n: number, ctx: any) => called(ctx) ?? (n < 3 ? next("count", n + 1) : next("ship", { n })),
        );
        fsm.state("ship", (data: unknown, ctx: any) => called(ctx) ?? stop(data));
        fsm.addTransition("ship", "count", (value) => value === 0);
        return fsm;
      }

      it("go on with the payload of the event that led to the state which failed", async () => {
        const broken = new Set(["b"]);
        const fsm = new Fsm<any>("payload");
        fsm.state("a", { initial: true }, () => waitForEvent({ "1st": "b", "2nd": "b" }));
        fsm.state("b", (value: unknown) => (broken.has("b") ? Promise.reject(new Error("no")) : stop(value)));
        const { runId } = await fsm.run({ store });
        const send = { "1st": { n: 7 }, "2nd": 0 };
        await failure(fsm.resume(runId, { store, send }));
        expect((await store.getRun(runId))!.cycles.map(({ state, input, error }) => [state, input, error])).toEqual([
          ["a", undefined, undefined],
          ["b", { value: { n: 7 } }, new Error("no")],
        ]);
        broken.clear();
        expect((await fsm.resume(runId, { store: another() })).value).toEqual({ n: 7 });
      });

      it("are not continued where a state is gone that they were in, or wait to go to", async () => {
        const make = (...names: string[]) => {
          const fsm = new Fsm<any>("shrunk");
          fsm.state("a", { initial: true }, () => next("old"));
          if (names.includes("old")) fsm.state("old", () => next("wait"));
          fsm.state("wait", () => waitForEvent({ GO: "a" }, { after: [60_000, "late"] }));
          if (names.includes("late")) fsm.state("late", () => 1);
          return fsm;
        };
        const { runId } = await make("old", "late").run({ store });
        for (const gone of ["old", "late"]) {
          const rest = make(...["old", "late"].filter((name) => name !== gone));
          const error = await failure(rest.resume(runId, { store, allowChanges: true }));
          expect(error).toBeInstanceOf(ValidationError);
          expect(error.message).toContain(`"${gone}"`);
        }
      });

      it("are found in the state that paused them", async () => {
        const fsm = new Fsm<any>("paused");
        fsm.state("a", { initial: true }, () => next("b"));
        fsm.state("b", () => {
          throw new PauseRun();
        });
        const options = { store, runId: "p", ifExists: "attach" } as const;
        for (const run of [await fsm.run(options), await fsm.run(options)]) {
          expect([run.status, run.currentState]).toEqual(["paused", "b"]);
        }
      });

      it("fail when they go on, where a state has failed under continueNone, but not where one was rescued", async () => {
        const make = (options: object) => {
          const fsm = new Fsm<any>("failed before");
          fsm.state("a", { initial: true, ...options }, () => Promise.reject(new Error("no")));
          fsm.state("b", () => waitForEvent({ GO: "c" }));
          fsm.state("c", () => stop(1));
          fsm.addTransition("a", "b", "default");
          return fsm;
        };
        for (const [options, status] of [
          [{ errorStrategy: "continueNone" }, "failed"],
          [{ errorState: "b" }, "completed"],
        ] as const) {
          const { runId } = await make(options).run({ store });
          const run = await make(options).resume(runId, { store, send: { GO: 1 } });
          expect([run.status, run.value]).toEqual([status, 1]);
        }
      });

      it("are recorded by cycle", async () => {
        const run = await order().run({ store, inputs: { n: 1 } });
        const found = (await store.getRun(run.runId))!;
        expect(found.cycles.map(({ cycle, state, status, output }) => [cycle, state, status, output?.value])).toEqual([
          [0, "draft", "completed", 1],
          [1, "count", "completed", 2],
          [2, "count", "completed", 3],
          [3, "count", "completed", { n: 3 }],
          [4, "ship", "completed", { n: 3 }],
        ]);
        expect(found).toMatchObject({ kind: "fsm", status: "completed" });
        expect({ ...found.outputs }).toEqual({ ship: { n: 3 } });
        const again = await order().resume(run.runId, { store });
        expect(again.stateHistory).toEqual(run.stateHistory);
        expect([again.value, again.isTerminated, again.finalState]).toEqual([{ n: 3 }, true, "ship"]);
        expect((await store.stats("order")).nodes.get("count")?.completed).toBe(3);
      });

      it("continue in their last state after a crash, a failure or a pause", async () => {
        const first = another();
        void order((state, { attempt }) =>
          state === "count" && attempt === 1 && calls.length > 2 ? never() : undefined,
        )
          .run({ store: first, inputs: { n: 1 }, runId: "c" })
          .catch(() => {});
        await until(() => calls.length === 3);
        await crash(first);
        const [run] = await order().recover({ store });
        expect(run.stateHistory).toEqual(["draft", "count", "count", "count", "ship"]);
        expect(calls).toEqual(["draft.0", "count.1", "count.2", "count.2", "count.3", "ship.4"]);
        expect((await store.getRun("c"))!.cycles[2].attempts).toBe(2);

        calls = [];
        const fails = order((state) => {
          if (state === "ship") throw new Error("no");
        });
        const error = await failure(fails.run({ store, inputs: { n: 3 } }));
        const mended = await order().resume(error.run.runId, { store });
        expect(mended.stateHistory).toEqual(["draft", "count", "ship"]);
        expect(calls).toEqual(["draft.0", "count.1", "ship.2", "ship.2"]);

        const handle = order((state) =>
          state === "count" ? sleep(20).then(() => next("ship", { n: 3 })) : undefined,
        ).start({
          store,
          inputs: { n: 3 },
        });
        await until(() => calls.at(-1) === "count.1" && calls.length === 6);
        const paused = await handle.pause();
        expect((await order().resume(paused.runId, { store })).value).toEqual({ n: 3 });
      });

      it("use a provided value like a returned one", async () => {
        const pausing = () =>
          order((state) => {
            if (state === "ship" && calls.length === 3) throw new PauseRun("ask");
          });
        const { runId, status, pauseReason } = await pausing().run({ store, inputs: { n: 3 } });
        expect([status, pauseReason]).toEqual(["paused", "ask"]);
        const wrong = await failure(pausing().resume(runId, { store, provide: { count: 1 } }));
        expect(wrong.message).toContain('"ship"');
        const run = await pausing().resume(runId, { store, provide: { ship: 0 } });
        expect(run.stateHistory).toEqual(["draft", "count", "ship", "count", "count", "count", "count", "ship"]);
        expect(run.get("ship.0")).toBe(0);
      });

      it("keep queued events, and continue to wait", async () => {
        const make = () => {
          const fsm = new Fsm<any>("events");
          fsm.state("open", { initial: true }, () => waitForEvent({ PAID: "paid" }));
          fsm.state("paid", (amount: number) => (calls.push(`paid ${amount}`), waitForEvent({ SENT: "done" })));
          fsm.state("done", (by: string, ctx: any) => stop(`${by} ${ctx.trigger}`));
          return fsm;
        };
        const waiting = await make().run({ store });
        expect(waiting).toMatchObject({ status: "paused", pauseReason: 'waits for "PAID"' });
        const paid = await make().resume(waiting.runId, { store, send: { PAID: 5 } });
        expect(paid).toMatchObject({ status: "paused", currentState: "paid" });
        const done = await make().resume(waiting.runId, { store: another(), send: { SENT: "ups" } });
        expect([done.status, done.value]).toEqual(["completed", "ups SENT"]);
        expect(calls).toEqual(["paid 5"]);

        const handle = make().start({ store });
        const early = handle.send("SENT", "dhl");
        await until(async () => (await count("fsm_events where taken_at is null")) === 1);
        expect((await handle.pause()).status).toBe("paused");
        await early;
        const last = await make().resume(handle.runId, { store, send: { PAID: 1 } });
        expect(last.value).toBe("dhl SENT");
        expect(await count("fsm_events where taken_at is null")).toBe(0);

        const first = another();
        const crashing = make().start({ store: first });
        crashing.result.catch(() => {});
        crashing.send("SENT", "fedex").catch(() => {});
        await until(async () => (await count("fsm_events where taken_at is null")) === 1);
        await crash(first);
        expect((await make().resume(crashing.runId, { store, send: { PAID: 2 } })).value).toBe("fedex SENT");
      });

      it("wait no longer than before they were paused", async () => {
        const fsm = new Fsm<any>("timed");
        fsm.state("open", { initial: true }, () => waitForEvent({ PAID: "paid" }, { after: [900, "late"] }));
        fsm.state("paid", () => stop("paid"));
        fsm.state("late", () => stop("late"));
        const handle = fsm.start({ store });
        await until(async () => (await store.getRun(handle.runId))?.cycles[0]?.status === "completed");
        await handle.pause();
        await sleep(900);
        const began = performance.now();
        expect((await fsm.resume(handle.runId, { store })).value).toBe("late");
        expect(performance.now() - began).toBeLessThan(800);
      });

      it("are rejected if their states have changed", async () => {
        const { runId } = await order(() => {
          throw new PauseRun();
        }).run({ store, inputs: { n: 1 } });
        const other = order();
        other.state("extra", () => stop());
        expect((await failure(other.resume(runId, { store }))).message).toContain('added "extra"');
        expect((await other.resume(runId, { store, allowChanges: true })).status).toBe("completed");
      });
    });
  });
}
