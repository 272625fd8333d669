import { beforeEach, describe, expect, it } from "vitest";
import { Dag, ExecutionError, PauseRun, type Context } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, never, until } from "../support/waiting.js";

/** The guarantees of every store for maps. */
export function storeMapsContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Maps recorded in ${name}`, () => {
    const { another, crash } = useStores(connect);
    let store: SqlStore;
    let calls: unknown[];
    beforeEach(() => {
      store = another();
      calls = [];
    });

    /** A map whose items are told in `calls`, and hang or throw as `broken` says. */
    function mapping(
      list: () => unknown,
      broken: Map<unknown, "hangs" | "throws"> = new Map(),
      options = {},
    ): Dag<any> {
      const dag = new Dag<any>("mapping");
      dag.node("list", () => (calls.push("list"), list()));
      dag.map("out", { needs: ["list"], ...options }, async (item: unknown) => {
        calls.push(item);
        if (broken.get(item) === "throws") throw new Error(`can't do ${String(item)}`);
        return broken.get(item) === "hangs" ? never() : `did ${String(item)}`;
      });
      dag.node("count", { needs: ["out"] }, (out: unknown[]) => out.length);
      return dag;
    }

    it("run only the missing items after a crash", async () => {
      const broken = new Map([[3, "hangs" as const]]);
      const dag = mapping(() => [1, 2, 3, 4], broken);
      void dag.run({ store, runId: "r", mode: "async", concurrency: 1 }).catch(() => {});
      await until(() => calls.includes(3));
      await until(async () => {
        const { attempts = [] } = (await another().getRun("r")) ?? {};
        return attempts.some(({ node, status }) => node === "out[1]" && status === "completed");
      });
      await crash(store);
      broken.clear();
      calls.length = 0;
      const run = await dag.resume("r", { store: another(), mode: "async" });
      expect(calls).toEqual([3, 4]);
      expect(run.get("out")).toEqual([1, 2, 3, 4].map((item) => `did ${item}`));
      expect(run.nodes.get("out")?.items).toEqual({ total: 4, completed: 4, failed: 0, cached: 0 });
      expect(run.get("count")).toBe(4);
    });

    it("keep the errors of workflows that items settled with", async () => {
      const inner = new Dag<any>("inner");
      inner.node("odd", (item: number) => {
        if (item % 2 === 0) throw new TypeError(`${item} is even`);
        return item;
      });
      const dag = new Dag<any>("outer");
      dag.node("list", () => [1, 2]);
      dag.map("out", { needs: ["list"], onItemError: "settle" }, inner);
      const { runId } = await dag.run({ store });
      const [first, second] = (await dag.resume(runId, { store: another() })).get("out") as any[];
      expect(first).toEqual({ status: "fulfilled", value: 1 });
      expect(second.reason).toBeInstanceOf(ExecutionError);
      expect(second.reason).toMatchObject({ item: "out[1]", path: ["out[1]", "odd"] });
      expect(second.reason.cause).toBeInstanceOf(ExecutionError);
      expect(second.reason.cause.cause).toEqual(new TypeError("2 is even"));
      expect("run" in second.reason.cause).toBe(false);
    });

    it("keep keys of all kinds", async () => {
      const broken = new Map([["c", "throws" as const]]);
      const list = () =>
        new Map<unknown, string>([
          [1, "a"],
          ["1", "b"],
          [{ at: 1 }, "c"],
        ]);
      const dag = mapping(list, broken);
      const error = await failure(dag.run({ store, mode: "async", concurrency: 1 }));
      expect(error.item).toBe("out[#2]");
      broken.clear();
      calls.length = 0;
      const run = await dag.resume(error.run.runId, { store: another() });
      expect(calls).toEqual(["c"]);
      expect(Array.from(run.get("out") as Map<unknown, string>)).toEqual([
        [1, "did a"],
        ["1", "did b"],
        [{ at: 1 }, "did c"],
      ]);
    });

    it("pull what can only be iterated again from its start, and match items by index", async () => {
      const broken = new Map([[3, "throws" as const]]);
      const source = async function* () {
        yield 1;
        yield 2;
        yield 3;
      };
      const dag = mapping(source, broken, { concurrency: 1 });
      const { run: failed } = await failure(dag.run({ store, mode: "async" }));
      expect(calls).toEqual(["list", 1, 2, 3]);
      broken.clear();
      calls.length = 0;
      const run = await dag.resume(failed.runId, { store: another(), mode: "async" });
      expect(calls).toEqual(["list", 3]);
      expect(run.get("out")).toEqual(["did 1", "did 2", "did 3"]);
      const again = await dag.resume(failed.runId, { store: another() });
      expect(again.nodes.get("list")?.status).toBe("completed");
      expect(again.has("list")).toBe(false);
    });

    it("tell their items and errors when the recorded run is read", async () => {
      const broken = new Map([[2, "throws" as const]]);
      const dag = mapping(() => [1, 2, 3], broken, { onItemError: "skip" });
      const first = await dag.run({ store });
      const { attempts } = (await another().getRun(first.runId))!;
      const items = attempts.filter(({ node }) => node.startsWith("out["));
      expect(items.map(({ node, attempt, status, output }) => [node, attempt, status, output])).toEqual([
        ["out[0]", 1, "completed", "did 1"],
        ["out[1]", 1, "failed", undefined],
        ["out[2]", 1, "completed", "did 3"],
      ]);
      const again = await dag.resume(first.runId, { store: another() });
      expect(again.get("out")).toEqual(["did 1", "did 3"]);
      expect(again.nodes.get("out")?.items).toEqual({ total: 3, completed: 2, failed: 1, cached: 0 });
      expect(again.nodes.get("out")?.errors).toMatchObject([{ item: "out[1]", cause: { message: "can't do 2" } }]);
      expect(calls).toEqual(["list", 1, 2, 3]);
    });

    it("give an item the same idempotency key when it runs again", async () => {
      const keys: string[] = [];
      let isBroken = true;
      const dag = new Dag<any>("keys");
      dag.node("list", () => ["a", "b"]);
      dag.map("out", { needs: ["list"] }, (item: string, ctx: Context) => {
        keys.push(ctx.idempotencyKey);
        if (item === "b" && isBroken) throw new Error("not yet");
      });
      const { run } = await failure(dag.run({ store, runId: "r" }));
      isBroken = false;
      await dag.resume(run.runId, { store: another() });
      expect(keys).toEqual(["r/out[0]", "r/out[1]", "r/out[1]"]);
    });

    describe("of workflows", () => {
      const isOpen = new Set<string>();
      function approvals(): Dag<any> {
        const inner = new Dag<any>("inner");
        inner.node("load", (item: string) => (calls.push(`load ${item}`), item.toUpperCase()));
        inner.node("approve", { needs: ["load"] }, (load: string) => {
          if (load !== "A" && !isOpen.has(load)) throw new PauseRun(`approve ${load}`);
          return true;
        });
        inner.node("done", { needs: ["load", "approve"] }, (load: string, by: unknown) => `${load} ${String(by)}`);
        const dag = new Dag<any>("outer");
        dag.node("list", () => ["a", "b", "c"]);
        dag.map("m", { needs: ["list"] }, inner);
        return dag;
      }

      it("are answered item by item, and read as a whole", async () => {
        const paused = await approvals().run({ store, runId: "r", mode: "async" });
        expect(paused.pauses.map(({ node }) => node)).toEqual(["m[1].approve", "m[2].approve"]);
        const error = await failure(
          approvals().resume("r", { store: another(), provide: { "m[7].approve": 1 } as never }),
        );
        expect(error.message).toContain('"m[1].approve", "m[2].approve"');
        const one = await approvals().resume("r", {
          store: another(),
          mode: "async",
          provide: { "m[1].approve": "ann" } as never,
        });
        expect(one.pauses.map(({ node }) => node)).toEqual(["m[2].approve"]);
        expect(one.get("m[0].load")).toBe("A");
        const run = await approvals().resume("r", {
          store: another(),
          mode: "async",
          provide: { "m[2].approve": "bob" } as never,
        });
        expect(run.get("m")).toEqual(["A true", "B ann", "C bob"]);
        expect(run.get("m[0].load")).toBe("A");
        expect(run.child("m", 1)?.runId).toBe("r/m[1]");
        expect(calls).toEqual(["load a", "load b", "load c"]);
        const again = await approvals().resume("r", { store: another() });
        expect(again.get("m[1].done")).toBe("B ann");
        const roots = await store.listRuns({ roots: true });
        expect(roots.runs.map(({ runId }) => runId)).toEqual(["r"]);
        const children = await store.listRuns({ parent: "r" });
        expect(children.runs.map(({ runId, status }) => [runId, status]).sort()).toEqual([
          ["r/m[0]", "completed"],
          ["r/m[1]", "completed"],
          ["r/m[2]", "completed"],
        ]);
      });

      it("are taken over by partial runs and replays that don't run them", async () => {
        isOpen.add("B").add("C");
        const define = () => {
          const dag = approvals();
          dag.node("end", { needs: ["m"] }, (m: string[]) => m.length);
          return dag;
        };
        const first = await define().run({ store, runId: "r", mode: "async" });
        calls.length = 0;
        const replayed = await define().replay("r", { store: another(), rerun: ["end"] });
        const partial = await define().runFrom("end", { from: first });
        const stored = await define().runFrom("end", { from: "r", store: another() });
        isOpen.clear();
        for (const run of [replayed, partial, stored]) {
          expect(run.get("m[1].load")).toBe("B");
          expect(run.child("m", 2)?.runId).toBe("r/m[2]");
          expect(run.nodes.get("m")?.items).toEqual({ total: 3, completed: 3, failed: 0, cached: 0 });
        }
        expect(calls).toEqual([]);
      });

      it("run again as new ones in a replay", async () => {
        await approvals().run({ store, runId: "r", mode: "async" });
        isOpen.add("B").add("C");
        const run = await approvals().replay("r", { store: another(), rerun: ["m"], runId: "again" });
        isOpen.clear();
        expect(run.get("m")).toEqual(["A true", "B true", "C true"]);
        expect(run.child("m", 2)?.runId).toBe("again/m[2]");
      });
    });

    it("take a value in place of an item that paused", async () => {
      const dag = new Dag<any>("items");
      dag.node("list", () => [1, 2]);
      dag.map("out", { needs: ["list"] }, (item: number) => {
        calls.push(item);
        if (item === 2) throw new PauseRun("which?");
        return item;
      });
      const { runId, pauses } = await dag.run({ store });
      expect(pauses.map(({ node }) => node)).toEqual(["out[1]"]);
      expect((await store.getRun(runId))!.attempts.find(({ node }) => node === "out[1]")?.status).toBe("paused");
      const run = await dag.resume(runId, { store: another(), provide: { "out[1]": 20 } as never });
      expect(run.get("out")).toEqual([1, 20]);
      expect(calls).toEqual([1, 2]);
    });

    it("tell the runs of items apart by all kinds of keys", async () => {
      const inner = new Dag<any>("inner");
      inner.node("ask", (key: string) => {
        throw new PauseRun(key);
      });
      inner.node("load", { needs: ["ask"] }, (answer: string) => `${answer}!`);
      const dag = new Dag<any>("keyed");
      dag.node("list", { params: ["keys"] }, (keys: unknown[]) => new Map(keys.map((key, i) => [key, `v${i}`])));
      dag.map("out", { needs: ["list"] }, inner);
      const keys = [
        "a",
        "a].ask",
        "a].b",
        "a.b",
        '"a"',
        1,
        "1",
        "#8",
        { id: 1 },
        "",
        "\0",
        "\ud800",
        "__proto__",
        "x/y",
      ];
      const { runId, pauses } = await dag.run({ store, inputs: { keys }, mode: "async" });
      expect(new Set(pauses.map(({ node }) => node)).size).toBe(keys.length);
      const provide = Object.fromEntries(pauses.map(({ node, reason }) => [node, reason]));
      const run = await dag.resume(runId, { store: another(), provide });
      const values = keys.map((_, i) => `v${i}!`);
      expect(Array.from(run.get("out") as Map<unknown, unknown>)).toEqual(keys.map((key, i) => [key, values[i]]));
      const again = await dag.resume(runId, { store: another() });
      for (const { get, child } of [run, again].map((each) => ({
        get: (path: string) => each.get(path) as unknown,
        child: (key: string | number) => each.child("out", key)?.get("load") as unknown,
      }))) {
        expect(pauses.map(({ node, reason }) => get(node.replace(/ask$/u, "load")) === `${reason}!`)).not.toContain(
          false,
        );
        // Of the text "#8", and of the ninth key, which is no text, the former goes first.
        expect(keys.map((key, i) => child(typeof key === "object" ? `#${i}` : key))).toEqual(values.with(8, values[7]));
      }
    });

    it("are recorded as changed when a node becomes a map", async () => {
      const { run } = await failure(mapping(() => [1], new Map([[1, "throws"]])).run({ store }));
      const dag = new Dag<any>("mapping");
      dag.node("list", () => [1]);
      dag.node("out", { needs: ["list"] }, (list: number[]) => list);
      dag.node("count", { needs: ["out"] }, (out: unknown[]) => out.length);
      expect((await failure(dag.resume(run.runId, { store: another() }))).message).toContain('rewired "out"');
      const resumed = await dag.resume(run.runId, { store: another(), allowChanges: true });
      expect(resumed.get("out")).toEqual([1]);
    });
  });
}
