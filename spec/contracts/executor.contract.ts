import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Dag, NodeTimeoutError, type ExecutorName, type RunEvent, type RunOptions } from "dagwright";
import { build, randomDags } from "../support/random-dag.js";
import { evaluate, type RandomNode } from "../support/reference.js";
import { outcome, sleep, useFakeTime } from "../support/fake-time.js";
import { observed } from "../support/observed.js";

const RUNS = { numRuns: 150 };
const races = (node: RandomNode) => node.kind === "any" && node.needs.length > 1;

/** The names of nodes in the order in which their attempts began. */
function starts(): { readonly order: string[]; readonly observers: RunOptions["observers"] } {
  const order: string[] = [];
  const observe = (event: RunEvent) => event.type === "attempt.started" && order.push(event.node);
  return { order, observers: [observe] };
}

/** What holds for a run, whatever decides when its nodes start. */
export function executorContract(executor: ExecutorName): void {
  describe(`The executor ${executor}`, () => {
    useFakeTime();

    describe.each(["continue", "continueNone"] as const)("under %s", (errorStrategy) => {
      it("gives in mode sequential what the reference evaluator gives", async () => {
        await fc.assert(
          fc.asyncProperty(randomDags(14), async (nodes) => {
            const run = await build(nodes).run({ errorStrategy, executor });
            expect(observed(run)).toEqual(evaluate(nodes, errorStrategy));
          }),
          RUNS,
        );
      });

      it("gives the same in mode async at any concurrency, where no any-node races", async () => {
        await fc.assert(
          fc.asyncProperty(randomDags(14), fc.integer({ min: 1, max: 4 }), async (nodes, concurrency) => {
            fc.pre(!nodes.some(races));
            const options = { mode: "async", executor, errorStrategy } as const;
            const expected = evaluate(nodes, errorStrategy);
            expect(observed(await build(nodes).run(options))).toEqual(expected);
            expect(observed(await build(nodes).run({ ...options, concurrency }))).toEqual(expected);
          }),
          RUNS,
        );
      });

      it("gives the same with retain: outputs, and step by step", async () => {
        await fc.assert(
          fc.asyncProperty(randomDags(10), async (nodes) => {
            const expected = evaluate(nodes, errorStrategy);
            const lean = await build(nodes).run({ errorStrategy, executor, retain: "outputs" });
            expect(observed(lean).statuses).toEqual(expected.statuses);
            const dag = build(nodes);
            let step = await dag.step(undefined, { errorStrategy, executor });
            while (!step.done) step = await dag.step(step.state);
            expect(observed(step.run!)).toEqual(expected);
          }),
          { numRuns: 60 },
        );
      });
    });

    it("keeps no more nodes in flight than concurrency allows", async () => {
      const dag = new Dag("d");
      let inFlight = 0;
      let most = 0;
      dag.node("s", () => 0);
      for (let i = 0; i < 20; i++) {
        dag.node(`n${i}`, { after: ["s"] }, async () => {
          most = Math.max(most, ++inFlight);
          await sleep(10);
          inFlight--;
        });
      }
      const run = await outcome(dag.run({ mode: "async", concurrency: 3, executor }));
      expect(run.status).toBe("completed");
      expect(most).toBe(3);
    });

    it("starts the ready nodes by priority, ties by order of definition", async () => {
      const dag = new Dag("d");
      dag.node("s", () => sleep(5));
      const priorities = { a: "low", b: "critical", c: 60, d: undefined, e: "normal", f: "background" } as const;
      for (const [name, priority] of Object.entries(priorities)) {
        dag.node(name, { after: ["s"], priority }, () => sleep(1));
      }
      const { order, observers } = starts();
      await outcome(dag.run({ mode: "async", concurrency: 1, executor, observers }));
      expect(order).toEqual(["s", "b", "c", "d", "e", "a", "f"]);
    });

    it("runs a chain of 100,000 nodes, and skips one", { tags: "slow" }, async () => {
      vi.useRealTimers();
      const dag = new Dag("chain");
      dag.node("n0", (x = 0) => x as number);
      for (let i = 1; i < 100_000; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, (x: number) => x + 1);
      expect((await dag.run({ executor, mode: "async" })).value).toBe(99_999);
      dag.setNodeHooks("n1", {
        preExecute: () => {
          throw new Error("no");
        },
      });
      const run = await dag.run({ executor, mode: "async", errorStrategy: "continue" });
      expect(run.nodes.get("n99999")?.status).toBe("skipped");
    });

    it("can't be hung by a throw, a rejection with undefined, a promise that never settles, or a hook", async () => {
      const dag = new Dag("d");
      dag.node("ok", () => 1);
      dag.node("throws", () => {
        throw new Error("boom");
      });
      dag.node("rejects", () => Promise.reject(undefined));
      dag.node("hangs", { timeout: 20 }, () => new Promise(() => {}));
      const hooks = {
        cleanup: () => {
          throw new Error("hook");
        },
      };
      dag.node("hooked", { hooks }, () => 1);
      dag.node("behind", { needs: ["throws", "hangs"], params: ["a", "b"] }, (a, b) => [a, b]);
      for (const mode of ["sequential", "async"] as const) {
        const run = await outcome(dag.run({ mode, executor, errorStrategy: "continue" }));
        expect(observed(run).statuses).toEqual({
          ok: "completed",
          throws: "failed",
          rejects: "failed",
          hangs: "failed",
          hooked: "failed",
          behind: "skipped",
        });
        expect(run.nodes.get("hangs")?.error).toBeInstanceOf(NodeTimeoutError);
      }
    });

    it("runs a part of a dag, and keeps overrides", async () => {
      const dag = new Dag("d");
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"] }, (x: number) => x + 1);
      dag.node("c", { needs: ["b"] }, (x: number) => x * 10);
      await dag.run({ executor });
      expect((await dag.runFrom("c", { executor })).value).toBe(20);
      expect((await dag.runUntil("b", { executor, overrides: { a: 4 } })).get("b")).toBe(5);
    });
  });
}
