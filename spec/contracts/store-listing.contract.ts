import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, next, PauseRun, stop, type Context, type FsmContext } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { calls, inputs, pipeline } from "../support/pipeline.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, sleep, until } from "../support/waiting.js";

/** The guarantees of every store for finding and pruning runs. */
export function listingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Runs recorded in ${name}`, () => {
    const { another, count, execute } = useStores(connect);
    let store: SqlStore;

    beforeEach(() => {
      calls.length = 0;
      store = another();
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
        const at = first.runs[0].createdAt;
        const [from, before] = await Promise.all([
          store.listRuns({ since: at }),
          store.listRuns({ until: new Date(at) }),
        ]);
        expect([...from.runs, ...before.runs]).toEqual((await store.listRuns()).runs);
        expect((await store.listRuns({ finishedSince: Date.now() + 1000 })).runs).toEqual([]);
        const [{ finishedAt }] = (await store.listRuns({ status: "failed" })).runs;
        expect((await store.listRuns({ finishedSince: finishedAt, workflow: "other" })).runs).toHaveLength(1);
        await expect(store.listRuns({ limit: 0 })).rejects.toThrow(RangeError);
        await expect(store.listRuns({ cursor: "nonsense" })).rejects.toThrow(/"cursor" must be/u);
        await expect(store.listRuns({ workflw: "x" } as any)).rejects.toThrow(/"workflow"/u);
      });

      it("in pages, by id if they were created at the same time", async () => {
        const dag = new Dag("same");
        dag.node("n", () => 1);
        const ids = ["a", "b", "c", "d", "e"];
        for (const runId of ids) await dag.run({ store, runId });
        await execute("update runs set created_at = 5");
        const pages: string[][] = [];
        let cursor: string | undefined;
        do {
          const page = await store.listRuns({ limit: 2, cursor });
          pages.push(page.runs.map(({ runId }) => runId));
          ({ cursor } = page);
        } while (cursor !== undefined);
        expect(pages).toEqual([["e", "d"], ["c", "b"], ["a"]]);
        const all = await store.listRuns({ limit: 5 });
        expect([all.runs.length, all.cursor]).toEqual([5, undefined]);
      });

      it("with exact percentiles of the attempts and cycles that completed", async () => {
        const dag = new Dag<any>("timed");
        dag.node("n", (fails: boolean) => {
          if (fails) throw new Error("no");
        });
        dag.node("m", { needs: ["n"] }, () => {
          throw new Error("no");
        });
        const namesake = new Dag("namesake");
        namesake.node("n", () => 1);
        const fsm = new Fsm<any>("timed");
        fsm.state("s", { initial: true }, (ctx: FsmContext) => (ctx.cycle < 99 ? next("s") : stop()));
        const durations = { a: 40, b: 10, c: 30, d: 20, twin: 20, failed: 500, other: 600 };
        for (const [runId, duration] of Object.entries(durations)) {
          const workflow = runId === "other" ? namesake : dag;
          const inputs = workflow === dag ? { fails: runId === "failed" } : {};
          await workflow.run({ store, runId, inputs }).catch(() => {});
          const times = `started_at = 1000, finished_at = ${1000 + duration}`;
          await execute(`update node_executions set ${times} where run_id = '${runId}'`);
        }
        await failure(dag.run({ store, runId: "untimed", inputs: { fails: false } }));
        await execute("update node_executions set started_at = 9000000000000000 where run_id = 'untimed'");
        await dag.run({ store, runId: "given", inputs: { fails: false }, overrides: { n: 1, m: 1 } });
        await fsm.run({ store });
        await execute("update fsm_cycles set started_at = 1000, finished_at = 1001 + cycle");
        const { workflow, runs, nodes } = await store.stats("timed");
        expect(workflow).toBe("timed");
        expect(runs).toMatchObject({ total: 9, completed: 2, failed: 7 });
        expect(Array.from(nodes)).toEqual([
          ["m", { completed: 0, failed: 6, p50: undefined, p99: undefined }],
          ["n", { completed: 6, failed: 1, p50: 20, p99: 40 }],
          ["s", { completed: 100, failed: 0, p50: 50, p99: 99 }],
        ]);
        await execute("update runs set status = 'odd' where id = 'a'");
        expect((await store.stats("timed")).runs).toMatchObject({ total: 9, completed: 2, failed: 6 });
        const ended = { completed: 0, failed: 0, cancelled: 0 };
        const none = { total: 0, queued: 0, running: 0, paused: 0, waiting: 0, ...ended };
        for (const name of ["none", "\0"]) {
          expect(await store.stats(name)).toEqual({ workflow: name, runs: none, nodes: new Map() });
        }
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

      it("without what another process redacts, now and later", async () => {
        const dag = new Dag<any>("shared");
        dag.node("login", () => ({ user: "ann", token: "t" }));
        const { runId } = await dag.run({ store });
        const viewer = another();
        expect((await viewer.getRun(runId))?.nodes.get("login")?.output).toEqual({ user: "ann", token: "t" });
        store.redact("login.token").redact("login.token");
        await store.listRuns();
        expect((await viewer.getRun(runId))?.nodes.get("login")?.output).toEqual({ user: "ann", token: "[redacted]" });
        viewer.redact("login.user");
        await viewer.close();
        const later = another();
        const login = (await later.getRun(runId))?.nodes.get("login")?.output;
        expect(login).toEqual({ user: "[redacted]", token: "[redacted]" });
      });

      it("without what a store that is not open yet redacts, once it opens for anything", async () => {
        const dag = new Dag<any>("shared");
        dag.node("login", () => ({ user: "ann", token: "t" }));
        const { runId } = await dag.run({ store: store.redact("login.token") });
        await until(async () => (await count("redactions")) === 1);
        expect((await another().getRun(runId))?.nodes.get("login")?.output).toEqual({
          user: "ann",
          token: "[redacted]",
        });
        store.redact("login.user");
        await until(async () => (await count("redactions")) === 2);
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
        await sleep(5);
        const olderThan = new Date();
        await dag.run({ store, inputs });
        expect(await store.prune({ olderThan, keepLast: 3 })).toBe(3);
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

    it("are kept when they ended last, or were created last if they ended at the same time", async () => {
      const dag = new Dag("n");
      dag.node("n", () => 1);
      const kept = async (columns: string) => {
        for (const runId of ["a", "b", "c"]) {
          await store.delete(runId).catch(() => {});
          await dag.run({ store, runId });
        }
        await execute(`update runs set ${columns}`);
        expect(await store.prune({ keepLast: 1 })).toBe(2);
        return (await store.listRuns()).runs.map(({ runId }) => runId);
      };
      const falling = "case id when 'a' then 3 when 'b' then 2 else 1 end";
      expect(await kept(`finished_at = ${falling}, created_at = 4 - ${falling}`)).toEqual(["a"]);
      expect(await kept(`finished_at = 1, created_at = ${falling}`)).toEqual(["a"]);
      expect(await kept("finished_at = 1, created_at = 1")).toEqual(["c"]);
    });

    it("are pruned with the runs inside, which count as no runs of their own", async () => {
      const inner = new Dag("inner");
      inner.node("n", () => 1);
      const outer = new Dag("outer");
      outer.node("call", inner);
      await inner.run({ store, runId: "alone" });
      for (const runId of ["first", "second"]) await outer.run({ store, runId });
      expect(await store.prune({ keepLast: 1 })).toBe(1);
      expect((await store.listRuns({ roots: true })).runs.map(({ runId }) => runId)).toEqual(["second", "alone"]);
      expect(await count("runs")).toBe(3);
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
  });
}
