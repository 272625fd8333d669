import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, next, PauseRun, stop, waitForEvent } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { approval } from "../support/approval.js";
import { statuses } from "../support/pipeline.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure } from "../support/waiting.js";

const written = (value: unknown) => JSON.parse(JSON.stringify(value));

class Point {
  constructor(readonly x: bigint) {}
}

/** A class whose instances throw on access. */
class Hostile {
  get boom(): never {
    throw new Error("boom");
  }
  toJSON(): never {
    throw new Error("boom");
  }
}

/** The guarantees of every store for what it shows of runs. */
export function storeLookingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Looking up runs in ${name}`, () => {
    const { another, execute } = useStores(connect);
    let store: SqlStore;

    beforeEach(() => {
      store = another();
    });

    describe("shows a paused run", () => {
      it("with its reason, data, due time and metadata, in lists too", async () => {
        const data = { order: 7n, since: new Date(5), items: new Map([["a", 1]]) };
        const dag = approval(() => new PauseRun("Ann has to approve", { data, until: new Date(2_000_000_000_000) }));
        const { runId } = await dag.run({ store, context: { metadata: { region: "eu" } } });
        const shown = {
          runId,
          status: "paused",
          pauseReason: "Ann has to approve",
          pauses: [{ node: "approve", reason: "Ann has to approve", data, until: 2_000_000_000_000 }],
          metadata: { region: "eu", customer: "Ann" },
          waitingFor: { events: [], until: 2_000_000_000_000 },
          currentState: undefined,
        };
        expect((await store.listRuns({ status: "paused" })).runs).toMatchObject([shown]);
        expect(await store.getRun(runId)).toMatchObject(shown);
        const run = await dag.resume(runId, { store });
        expect(run.value).toBe(20);
        const over = { pauseReason: undefined, pauses: [], waitingFor: undefined, metadata: shown.metadata };
        expect((await store.listRuns()).runs).toMatchObject([over]);
        expect(await store.getRun(runId)).toMatchObject(over);
      });

      it("with all nodes that paused it", async () => {
        const dag = new Dag("two");
        for (const node of ["a", "b"]) {
          dag.node(node, async () => {
            await Promise.resolve();
            throw new PauseRun(`${node}?`, { until: node === "a" ? 2000 : 1000 });
          });
        }
        dag.node("c", async () => Promise.reject(new PauseRun()));
        await dag.run({ store, mode: "async", runId: "two" });
        const [found] = (await store.listRuns()).runs;
        expect(found.pauses).toEqual([
          { node: "a", reason: "a?", data: undefined, until: 2000 },
          { node: "b", reason: "b?", data: undefined, until: 1000 },
          { node: "c", reason: undefined, data: undefined, until: undefined },
        ]);
        expect(found).toMatchObject({ pauseReason: "a?", waitingFor: { events: [], until: 1000 } });
      });

      it("without large data in lists, but with it in the details", async () => {
        const data = "x".repeat(2_000_000);
        const { runId } = await approval(() => new PauseRun("large", { data })).run({ store });
        expect((await store.listRuns()).runs[0].pauses[0]).toMatchObject({ node: "approve", data: undefined });
        expect((await store.getRun(runId))!.pauses[0]).toMatchObject({ node: "approve", data });
      });

      it("in parts that JSON.stringify accepts, whatever their values", async () => {
        const { runId } = await approval(() => new PauseRun("check", { data: { sum: 3n } })).run({ store });
        const { runs } = await store.listRuns();
        const run = (await store.getRun(runId))!;
        for (const part of [runs, runs[0], runs[0].pauses, run.pauses, run.pauses[0]]) {
          expect(JSON.stringify(part)).toContain('"sum":"3"');
        }
      });

      it("in nested parts that JSON.stringify accepts, and that can be inputs again", async () => {
        const dag = approval(() => new PauseRun("check", { data: { list: [{ sum: 3n }] } }));
        await dag.run({ store, runId: "a", inputs: {}, context: { metadata: { d: { n: 5n } } } });
        const deep = new Dag<any>("deep");
        deep.node("b", { params: ["given"] }, (given: unknown) => ({ given, n: 1n }));
        await deep.run({ store, runId: "deep", inputs: { given: { circle: [1n] } } });
        const fsm = new Fsm("deep");
        fsm.state("s", { initial: true }, () => stop({ n: 1n }));
        await fsm.run({ store, runId: "fsm" });
        const paused = (await store.getRun("a"))!;
        const [found] = (await store.listRuns({ workflow: "approval" })).runs;
        const ended = (await store.getRun("deep"))!;
        const cycled = (await store.getRun("fsm"))!;
        for (const part of [
          paused.metadata.d,
          paused.pauses[0].data,
          (paused.pauses[0].data as any).list,
          found.metadata!.d,
          found.pauses[0].data,
          ended.inputs.given,
          ended.outputs.b,
          ended.nodes.get("b")!.output,
          ended.attempts[0].input,
          ended.attempts[0].output,
          cycled.cycles[0].output,
          cycled.cycles[0].output!.value,
          cycled.attempts[0].output,
        ]) {
          expect(() => JSON.stringify(part)).not.toThrow();
        }
        const again = await deep.run({ store, inputs: ended.inputs });
        expect(again.value).toEqual({ given: { circle: [1n] }, n: 1n });
        expect(await store.diffRuns("deep", again.runId)).toMatchObject({ nodes: [], inputs: [] });
      });

      it.each(["", "a..b", "a.", "a[", "a[x]", "a[0]b", "[0]"])("and rejects the redaction path %o", (path) => {
        expect(() => store.redact(path)).toThrow('"path"');
      });

      it("without redacted values", async () => {
        const dag = approval(() => new PauseRun("check", { data: { iban: "DE1", sum: 3 } }));
        await dag.run({ store, context: { metadata: { token: "t", region: "eu" } } });
        store.redact("approve.iban").redact("metadata.token");
        const [found] = (await store.listRuns()).runs;
        expect(found.metadata).toEqual({ token: "[redacted]", region: "eu", customer: "Ann" });
        expect(found.pauses[0].data).toEqual({ iban: "[redacted]", sum: 3 });
      });

      it("without the pause if its data can't be stored, which fails the run", async () => {
        const dag = approval(() => new PauseRun("check", { data: { fn: () => {} } }));
        const error = await failure(dag.run({ store, runId: "bad" }));
        expect(error).toMatchObject({ code: "UNSTORABLE", path: "fn" });
        expect(error.message).toContain("approve");
        expect(await store.getRun("bad")).toMatchObject({ status: "failed", pauses: [] });
        const lenient = another({ onUnstorable: "skip" });
        expect(await dag.run({ store: lenient, runId: "kept" })).toMatchObject({ status: "paused" });
        expect((await lenient.getRun("kept"))!.pauses).toMatchObject([{ reason: "check", data: undefined }]);
      });
    });

    it("shows the nodes that paused a run before it failed", async () => {
      const dag = new Dag<any>("both");
      dag.node("asks", { fallback: () => Promise.reject(new PauseRun("ask")) }, () => {
        throw new Error("no");
      });
      dag.node("fails", async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw new Error("no");
      });
      const { run } = await failure(dag.run({ store, mode: "async" }));
      const found = (await store.getRun(run.runId))!;
      expect(found).toMatchObject({
        status: "failed",
        pauses: [{ node: "asks", reason: "ask" }],
        waitingFor: undefined,
      });
      expect(statuses(found.nodes)).toEqual(statuses(run.nodes));
    });

    it("shows the current state of an fsm, and the events that it waits for", async () => {
      const make = (initial: string) => {
        const fsm = new Fsm("order");
        fsm.state("cart", () => next("payment"));
        fsm.state("payment", () => waitForEvent({ paid: "done", cancelled: "done" }, { after: [60_000, "done"] }));
        fsm.state("review", () => waitForEvent({ fine: "done" }));
        fsm.state("done", () => stop(1));
        fsm.state("asks", () => {
          throw new PauseRun("a person", { data: [1] });
        });
        return fsm.setInitialState(initial);
      };
      const began = Date.now();
      const handle = make("cart").start({ store, runId: "waits" });
      await handle.waitFor("payment");
      const isWaiting = async () => (await store.listRuns()).runs[0].waitingFor !== undefined;
      while (!(await isWaiting())) await new Promise((resolve) => setTimeout(resolve, 2));
      const [waits] = (await store.listRuns()).runs;
      expect(waits).toMatchObject({ status: "running", currentState: "payment" });
      expect(waits.waitingFor!.events).toEqual(["paid", "cancelled"]);
      expect(waits.waitingFor!.until! - began).toBeGreaterThanOrEqual(59_990);
      await handle.send("paid");
      await handle.result;
      expect(await store.getRun("waits")).toMatchObject({ currentState: "done", waitingFor: undefined });

      await make("review").run({ store, runId: "rests" });
      await make("asks").run({ store, runId: "asks" });
      const { runs } = await store.listRuns();
      expect(runs.map(({ runId, status, currentState }) => [runId, status, currentState])).toEqual([
        ["asks", "paused", "asks"],
        ["rests", "waiting", "review"],
        ["waits", "completed", "done"],
      ]);
      expect(runs[1]).toMatchObject({ waitingFor: { events: ["fine"], until: undefined }, pauses: [] });
      expect(runs[1].pauseReason).toContain('"fine"');
      expect(runs[0]).toMatchObject({
        waitingFor: undefined,
        pauses: [{ node: "asks", reason: "a person", data: [1] }],
      });
      expect(await store.getRun("rests")).toMatchObject({ waitingFor: { events: ["fine"] }, currentState: "review" });
    });

    it("lists a run whose metadata can't be read", async () => {
      const typed = another({ types: { Point } });
      await approval(() => new PauseRun()).run({
        store: typed,
        runId: "typed",
        context: { metadata: { at: new Point(1n) } },
      });
      await approval(() => new PauseRun()).run({ store, runId: "plain" });
      const { runs } = await store.listRuns();
      expect(runs.map(({ runId, metadata }) => [runId, metadata])).toEqual([
        ["plain", { customer: "Ann" }],
        ["typed", undefined],
      ]);
      await execute("update runs set pauses = '[1]' where id = 'typed'");
      expect((await typed.listRuns()).runs[1]).toMatchObject({ runId: "typed", pauses: [] });
      expect(await failure(typed.getRun("typed"))).toMatchObject({
        code: "STORE",
        message: expect.stringContaining("typed"),
      });
      await typed.delete("typed");
    });

    describe("with a corrupt run", () => {
      const waiting = () => {
        const fsm = new Fsm("waiting");
        fsm.state("waits", { initial: true }, () => waitForEvent({ GO: "done" }, { after: [60_000, "done"] }));
        fsm.state("done", () => stop(1));
        return fsm;
      };

      it.each([
        ["the status", "runs set status = 'done'", "status"],
        ["the kind", "runs set kind = 'x'", "kind"],
        ["the time", "runs set created_at = CAST(8640000000000001 AS double precision)", "created_at"],
        ["the end", "runs set finished_at = CAST(-9e15 AS double precision)", "finished_at"],
        ["the wait", `fsm_cycles set wait = '{"events":[5]}'`, "wait"],
        ["the time of the wait", `fsm_cycles set wait = '{"events":[],"after":{"at":1e300,"state":"done"}}'`, "wait"],
        ["the cycle's status", "fsm_cycles set status = 'x'", "status"],
      ])("shows the other runs if %s is corrupt", async (_, change, column) => {
        const runIds = ["a", "bad", "c"];
        for (const runId of runIds) await waiting().run({ store, runId });
        await waiting().send("a", "GO", 1, { store });
        await waiting().send("bad", "GO", 1, { store });
        await execute(`update ${change} where ${change.startsWith("runs") ? "id" : "run_id"} = 'bad'`);
        const page = await store.listRuns();
        expect(page.runs.map(({ runId }) => runId)).toEqual(["c", "a"]);
        const error = {
          name: "StoreError",
          code: "STORE",
          message: expect.stringMatching(`Run "bad".*column "${column}"`),
        };
        expect(page.unreadable).toMatchObject([{ runId: "bad", error }]);
        expect(written(page).unreadable).toMatchObject([{ runId: "bad", error }]);
        const seen: string[] = [];
        for (let cursor: string | undefined, i = 0; i === 0 || cursor !== undefined; i++) {
          const part = await store.listRuns(cursor === undefined ? { limit: 1 } : { limit: 1, cursor });
          seen.push(...[...part.runs, ...part.unreadable].map(({ runId }) => runId));
          cursor = part.cursor;
        }
        expect(seen.sort()).toEqual(runIds);
        expect((await store.stats("waiting")).runs.total).toBe(3);
        expect(await store.prune({ keepLast: 3 })).toBe(0);
        const ends = await waiting()
          .recover({ store })
          .catch(({ results, message }) => {
            expect(message).toMatch(/"bad"/u);
            return results;
          });
        expect(ends).toMatchObject([{ runId: "a", status: "completed" }]);
        await store.delete("bad");
        expect(await store.listRuns()).toMatchObject({ runs: [{ runId: "c" }, { runId: "a" }], unreadable: [] });
      });

      it("can delete it despite a corrupt lease", async () => {
        await waiting().run({ store, runId: "bad" });
        await execute("update runs set owner = 'somebody', lease_expires_at = CAST(1e300 AS double precision)");
        await store.delete("bad");
        expect(await store.getRun("bad")).toBeUndefined();
      });

      it("counts it in statistics, except for its corrupt durations", async () => {
        for (const runId of ["a", "bad"]) await approval(() => new PauseRun()).run({ store, runId });
        await execute("update node_executions set started_at = CAST(-1e300 AS double precision) where run_id = 'bad'");
        await execute("update runs set status = 'total' where id = 'bad'");
        const { runs, nodes } = await store.stats("approval");
        expect(runs).toEqual({
          total: 2,
          queued: 0,
          running: 0,
          completed: 0,
          failed: 0,
          cancelled: 0,
          paused: 1,
          waiting: 0,
        });
        expect(nodes.get("load")).toMatchObject({ completed: 2, failed: 0 });
        expect(nodes.get("load")!.p99).toBeLessThan(60_000);
      });
    });

    it("shows times in whole ms, in order", async () => {
      const dag = new Dag("times");
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"] }, async (n: number) => n + 1);
      dag.node("c", { needs: ["b"] }, (n: number) => n + 1);
      const fsm = new Fsm("times-too");
      fsm.state("a", { initial: true }, () => next("b"));
      fsm.state("b", () => stop());
      for (const { runId } of [await dag.run({ store }), await fsm.run({ store })]) {
        const run = (await store.getRun(runId))!;
        const ends = [
          run.createdAt,
          ...run.attempts.flatMap((each) => [each.startedAt!, each.finishedAt!]),
          run.finishedAt!,
        ];
        expect(ends.every(Number.isInteger)).toBe(true);
        expect(ends).toEqual([...ends].sort((x, y) => x - y));
        for (const each of [...run.nodes.values(), ...run.cycles]) expect(Number.isInteger(each.startedAt)).toBe(true);
        for (const node of run.nodes.values()) expect(node.duration).toBeGreaterThanOrEqual(0);
        expect((await store.listRuns({ since: run.createdAt })).runs.map((each) => each.runId)).toContain(runId);
        expect((await store.listRuns({ since: new Date(run.createdAt) })).runs.length).toBeGreaterThan(0);
      }
      await expect(store.listRuns({ since: new Date(Number.NaN) })).rejects.toThrow(/"since" must be a date/u);
      await expect(store.listRuns({ since: "today" as never })).rejects.toThrow(TypeError);
    });

    it("shows the new status of a node that was skipped before the run was resumed", async () => {
      let isBroken = true;
      const dag = new Dag<any>("mended");
      dag.node("a", () => {
        if (isBroken) throw new Error("no");
        return 1;
      });
      dag.node("b", { needs: ["a"] }, (n: number) => n + 1);
      const { runId } = await dag.run({ store, errorStrategy: "continue" });
      expect(statuses((await store.getRun(runId))!.nodes)).toEqual({ a: "failed", b: "skipped" });
      isBroken = false;
      await dag.resume(runId, { store });
      const found = (await store.getRun(runId))!;
      expect(statuses(found.nodes)).toEqual({ a: "completed", b: "completed" });
      expect(found.nodes.get("b")?.output).toBe(2);
    });

    describe("can be written as JSON:", () => {
      it("a run, with nodes by name, errors with their causes, and every kind of value", async () => {
        const circle: any = { name: "loop", list: [] };
        circle.self = circle;
        circle.list.push(circle);
        const value = {
          date: new Date(0),
          noDate: new Date(Number.NaN),
          big: 2n ** 70n,
          map: new Map<any, any>([["a", new Set([1, 2n])]]),
          pairs: new Map<any, any>([[1, "one"]]),
          floats: new Float64Array([1.5, 2]),
          bigs: new BigInt64Array([3n]),
          bytes: new Uint8Array([1, 2]),
          buffer: Uint8Array.of(1, 2, 3).buffer,
          re: /x/giu,
          none: undefined,
          list: [undefined, null],
          circle,
        };
        const dag = new Dag<any>("json");
        dag.node("make", () => value);
        dag.node("fail", { needs: ["make"] }, () => {
          throw Object.assign(new TypeError("boom", { cause: new RangeError("why", { cause: { n: 1n } }) }), {
            code: "E_BOOM",
          });
        });
        const error = await failure(dag.run({ store, inputs: {} }));
        const run = (await store.getRun(error.run.runId))!;
        const json = written(run);
        const expected = {
          date: "1970-01-01T00:00:00.000Z",
          noDate: null,
          big: "1180591620717411303424",
          map: { a: [1, "2"] },
          pairs: [[1, "one"]],
          floats: [1.5, 2],
          bigs: ["3"],
          bytes: [1, 2],
          buffer: "AQID",
          re: "/x/giu",
          list: [null, null],
          circle: { name: "loop", list: ["[Circular]"], self: "[Circular]" },
        };
        expect(json.nodes.make.output).toMatchObject(expected);
        expect(Object.keys(json.nodes)).toEqual(["make", "fail"]);
        expect(json.attempts[1].input).toBeDefined();
        expect(json.error).toMatchObject({
          name: "ExecutionError",
          code: "EXECUTION",
          message: expect.stringContaining("boom"),
        });
        expect(json.error.stack).toContain("ExecutionError");
        expect(json.error.cause).toMatchObject({ name: "TypeError", message: "boom", code: "E_BOOM" });
        expect(json.error.cause.cause).toMatchObject({ name: "RangeError", message: "why", cause: { n: "1" } });
        expect(json.nodes.fail.error.stack).toContain("TypeError: boom");
        // Parts and copies are written in the same way.
        expect(written(run.nodes)).toEqual(json.nodes);
        expect(written(run.nodes.get("make"))).toEqual(json.nodes.make);
        expect(written(run.error)).toEqual(json.error);
        expect(written({ ...run })).toEqual(json);
        expect(written(run.attempts)).toEqual(json.attempts);
        expect(run.nodes.get("make")?.output).toMatchObject({ big: 2n ** 70n, date: new Date(0) });
        expect(Object.keys(run)).not.toContain("toJSON");
        const other = await dag.run({ store, overrides: { make: 1n, fail: new Map([["k", 1n]]) } });
        expect(written(await store.diffRuns(run.runId, other.runId)).nodes[0]).toMatchObject({
          node: "make",
          a: { output: expected },
          b: { output: "1" },
        });
      });

      it("lists, statistics and the cycles of an fsm", async () => {
        const fsm = new Fsm("json");
        fsm.state("a", { initial: true }, () => next("b", new Map([["n", 1n]])));
        fsm.state("b", (value: unknown) => {
          throw new PauseRun("ask", { data: value });
        });
        const { runId } = await fsm.run({ store, context: { metadata: { at: new Date(0), n: 5n } } });
        const page = written(await store.listRuns({ limit: 1 }));
        expect(page.runs[0]).toMatchObject({
          runId,
          pauses: [{ node: "b", data: { n: "1" } }],
          metadata: { at: "1970-01-01T00:00:00.000Z", n: "5" },
        });
        expect(written((await store.listRuns()).runs)).toEqual(page.runs);
        const run = written(await store.getRun(runId));
        expect(run.nodes).toMatchObject({ a: { status: "completed", output: { n: "1" } }, b: { status: "paused" } });
        expect(run.cycles[1]).toMatchObject({ state: "b", input: { value: { n: "1" } } });
        const stats = await store.stats("json");
        expect(written(stats).nodes.a).toMatchObject({ completed: 1, failed: 0 });
        expect(stats.nodes).toBeInstanceOf(Map);
      });

      it("throwing instances, deep nesting and repetition", async () => {
        const typed = another({
          types: { Hostile: { is: (value) => value instanceof Hostile, encode: () => 0, decode: () => new Hostile() } },
        });
        let deep: unknown = "bottom";
        for (let i = 0; i < 1500; i++) deep = [deep];
        let twice: unknown = [];
        for (let i = 0; i < 40; i++) twice = [twice, twice];
        const dag = new Dag<any>("hostile");
        dag.node("a", () => new Hostile());
        dag.node("b", () => deep);
        dag.node("c", () => ({ toJSON: "a property" }));
        dag.node("d", () => twice);
        const { runId } = await dag.run({ store: typed, inputs: {} });
        const { nodes } = written(await typed.getRun(runId));
        expect(nodes.a.output).toBe("[Unreadable]");
        expect(JSON.stringify(nodes.b.output)).toContain("[Nested too deeply]");
        expect(nodes.c.output).toEqual({ toJSON: "a property" });
        expect(JSON.stringify(nodes.d.output)).toContain("[Repeated]");
      });
    });
  });
}
