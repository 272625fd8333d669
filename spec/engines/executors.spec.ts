import { describe, expect, it, vi } from "vitest";
import { Dag, type ExecutorName } from "dagwright";
import { executorContract } from "../contracts/executor.contract.js";
import { sleep, useFakeTime } from "../support/fake-time.js";

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
    const running = dag.run({ mode: "async", executor });
    await vi.runAllTimersAsync();
    const timeline = (await running).timeline();
    expect(timeline.find(({ node }) => node === "C")?.start).toBeCloseTo(expected, 1);
    expect(timeline.find(({ node }) => node === "D")?.start).toBeCloseTo(200, 1);
  });

  it("is refused for an executor that does not exist", async () => {
    const dag = new Dag("d");
    await expect(dag.run({ executor: "levels" as never })).rejects.toThrow(
      /"executor" must be one of.*Did you mean "level"/u,
    );
  });
});
