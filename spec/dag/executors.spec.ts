import { describe, expect, it } from "vitest";
import { Dag, Scheduler, type ExecutorName, type Priority } from "dagwright";
import { executorContract } from "../contracts/executor.contract.js";
import { outcome, sleep, useFakeTime } from "../support/fake-time.js";

executorContract("workQueue");
executorContract("level");
executorContract("reactive");

describe("When nodes start", () => {
  useFakeTime();

  it.each([
    ["workQueue", 10],
    ["level", 200],
    ["reactive", 10],
  ] satisfies [ExecutorName, number][])("is under %s for C after A and beside B: %i ms", async (executor, expected) => {
    const dag = new Dag("d");
    dag.node("A", () => sleep(10));
    dag.node("B", () => sleep(200));
    dag.node("C", { needs: ["A"], params: ["a"] }, () => {});
    dag.node("D", { needs: ["B", "C"], params: ["b", "c"] }, () => {});
    const timeline = (await outcome(dag.run({ mode: "async", executor }))).timeline();
    expect(timeline.find(({ node }) => node === "C")?.start).toBeCloseTo(expected, 1);
    expect(timeline.find(({ node }) => node === "D")?.start).toBeCloseTo(200, 1);
  });

  it.each([
    ["with fewer slots than nodes", { concurrency: 2 }],
    ["with one slot", { concurrency: 1 }],
    ["under a scheduler", { scheduler: new Scheduler({ maxConcurrency: 1 }) }],
  ])("is by priority, then the longest way behind, then definition, %s", async (_, options) => {
    for (const executor of ["workQueue", "level", "reactive"] as const) {
      for (const work of [() => sleep(1), () => {}]) {
        const order: string[] = [];
        const dag = new Dag("d");
        const add = (name: string, after: string[], priority?: Priority) =>
          dag.node(name, { after, priority }, () => {
            order.push(name);
            return work();
          });
        add("leaf", []);
        add("low", [], "low");
        add("two", []);
        add("three", []);
        add("three b", ["three"]);
        add("three c", ["three b"]);
        add("two b", ["two"]);
        add("other leaf", []);
        add("urgent", [], "critical");
        await outcome(dag.run({ mode: "async", executor, ...options }));
        expect(order.slice(0, 3)).toEqual(["urgent", "three", "two"]);
        expect(order.indexOf("leaf")).toBeLessThan(order.indexOf("other leaf"));
        expect(order.indexOf("low")).toBe(executor === "level" ? 5 : 8);
      }
    }
  });

  it("is the order of definition in sequential mode, whatever lies behind", async () => {
    const dag = new Dag("d");
    dag.node("leaf", () => 1);
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"] }, (a: number) => a);
    await dag.run();
    expect(dag.lastRun?.metrics).toBeDefined();
    expect(dag.executionOrder).toEqual(["leaf", "a", "b"]);
    expect([...(dag.lastRun?.timeline() ?? [])].map(({ node }) => node)).toEqual(["leaf", "a", "b"]);
  });

  it.each([
    ["workQueue", "abcd"],
    ["level", "adbc"],
  ] satisfies [ExecutorName, string][])(
    "is the same for synchronous nodes under %s: %s",
    async (executor, expected) => {
      const dag = new Dag("d");
      let order = "";
      const add = (name: string, needs: string[]) =>
        dag.node(name, { needs, params: needs }, () => void (order += name));
      add("a", []);
      add("b", ["a"]);
      add("c", ["b"]);
      add("d", []);
      await outcome(dag.run({ mode: "async", concurrency: 1, executor }));
      expect(order).toBe(expected);
    },
  );

  it.each(["workQueue", "level", "reactive"] as const)(
    "is when there is a slot again, for a node that waited to be retried: %s",
    async (executor) => {
      const dag = new Dag("d");
      const log: string[] = [];
      let inFlight = 0;
      const work = async (name: string, ms: number) => {
        log.push(`${name} ${++inFlight}`);
        await sleep(ms);
        inFlight--;
      };
      let tries = 0;
      dag.node("a", { retry: { retries: 1, delay: 5 }, inputsTimeout: 1000 }, async () => {
        await work("a", 1);
        if (tries++ === 0) throw new Error("once");
      });
      dag.node("b", () => work("b", 20));
      dag.node("c", () => work("c", 20));
      await outcome(dag.run({ mode: "async", concurrency: 1, executor }));
      expect(log).toEqual(["a 1", "b 1", "a 1", "c 1"]);
    },
  );

  it("is refused for an executor that does not exist", async () => {
    const dag = new Dag("d");
    await expect(dag.run({ executor: "levels" as never })).rejects.toThrow(
      /"executor" must be one of.*Did you mean "level"/u,
    );
  });
});
