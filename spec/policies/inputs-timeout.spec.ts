import { describe, expect, it, vi } from "vitest";
import { Dag, FallbackError, InputsTimeoutError, type RunEvent } from "dagwright";
import { outcome, rejection, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

describe("inputsTimeout", () => {
  it("fails a node whose inputs are late, at once and without calling it", async () => {
    const dag = new Dag("d");
    const fn = vi.fn();
    dag.node("slow", () => sleep(100));
    dag.node("b", { needs: ["slow"], inputsTimeout: 30, params: ["x"] }, fn);
    const begin = Date.now();
    let failedAt = 0;
    const failing = dag.run().catch((error: unknown) => {
      failedAt = Date.now() - begin;
      return error;
    });
    const error = (await outcome(failing)) as InputsTimeoutError;
    expect(failedAt).toBe(30);
    expect(error).toBeInstanceOf(InputsTimeoutError);
    expect(error).toMatchObject({ code: "INPUTS_TIMEOUT", node: "b", attempt: 0 });
    expect("cause" in error).toBe(false);
    expect(error.message).toMatch(/inputs of node "b" were not there within its inputsTimeout of 30 ms/u);
    expect(error.run.nodes.get("slow")?.status).toBe("cancelled");
    expect(fn).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("measures the time until the inputs are there, not until the node has a slot", async () => {
    const dag = new Dag("d");
    dag.node("a", () => sleep(20));
    dag.node("other", { needs: ["a"], params: ["x"] }, () => sleep(100));
    dag.node("b", { needs: ["a"], inputsTimeout: 30, params: ["x"] }, () => "ran");
    expect((await outcome(dag.run())).get("b" as never)).toBe("ran");
  });

  it("is a failure like any other: dependents are skipped, other nodes go on, late inputs are dropped", async () => {
    const dag = new Dag("d");
    dag.node("slow", () => sleep(100));
    dag.node("b", { needs: ["slow"], inputsTimeout: 30, params: ["x"] }, () => 1);
    dag.node("c", { needs: ["b"] }, () => 2);
    dag.node("d", { needs: ["slow"], inputsTimeout: 101, params: ["x"] }, () => 3);
    const run = await outcome(dag.run({ mode: "async", errorStrategy: "continue" }));
    expect(Array.from(run.nodes.values(), ({ status }) => status)).toEqual([
      "completed",
      "failed",
      "skipped",
      "completed",
    ]);
    expect(run.nodes.get("b")).toMatchObject({ attempts: 0, startedAt: undefined });
  });

  it.each([
    ["a value", "old"],
    ["a function", () => "old"],
    ["a promise", () => sleep(5).then(() => "old")],
  ])("takes the fallback: %s", async (_, fallback) => {
    const dag = new Dag("d");
    dag.node("slow", () => sleep(100));
    dag.node("b", { needs: ["slow"], inputsTimeout: 30, params: ["x"], fallback }, () => "new");
    dag.node("c", { needs: ["b"] }, (x: string) => [x]);
    const run = await outcome(dag.run({ mode: "async" }));
    expect({ ...run.results }).toMatchObject({ b: "old", c: ["old"] });
    expect(run.status).toBe("completed");
  });

  it.each([
    ["a value", "old"],
    ["a promise", () => sleep(5).then(() => "old")],
    ["a throw", () => expect.unreachable()],
  ])("leaves a node that takes its fallback without a slot to give back: %s", async (_, fallback) => {
    const dag = new Dag("d");
    let inFlight = 0;
    let besides: number | undefined;
    dag.node("slow", async () => {
      inFlight++;
      await sleep(100);
      inFlight--;
    });
    dag.node("b", { needs: ["slow"], inputsTimeout: 30, params: ["x"], fallback }, () => "new");
    dag.node("c", { after: ["b"] }, () => void (besides = inFlight));
    await outcome(dag.run({ mode: "async", concurrency: 1, errorStrategy: "continue" }));
    expect(besides).toBe(0);
  });

  it("fails with both errors where the fallback throws", async () => {
    const dag = new Dag("d");
    dag.node("slow", () => sleep(100));
    const fallback = () => {
      throw new Error("no stand-in");
    };
    dag.node("b", { needs: ["slow"], inputsTimeout: 30, params: ["x"], fallback }, () => "new");
    const error = await rejection(dag.run({ mode: "async" }));
    expect(error).toBeInstanceOf(FallbackError);
    expect(error.message).toMatch(/no stand-in.*inputsTimeout of 30 ms/u);
  });

  it("leaves what a step runs next as it is", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"], inputsTimeout: 30 }, (a: number) => a);
    const first = await outcome(dag.step());
    expect([first.node, first.next]).toEqual(["a", "b"]);
    expect((await outcome(dag.step(first.state))).result).toBe(1);
  });

  it("ends for each node in its time, in whichever order they are defined", async () => {
    const dag = new Dag("d");
    dag.node("slow", () => sleep(100));
    for (const ms of [60, 30, 45]) dag.node(`n${ms}`, { needs: ["slow"], inputsTimeout: ms, params: ["x"] }, () => 1);
    const begin = Date.now();
    const failed: unknown[] = [];
    const observers = [
      ({ type, at, ...event }: RunEvent) => {
        if (type === "node.failed") failed.push((event as { node?: string }).node, Math.round(at - begin));
      },
    ];
    await outcome(dag.run({ mode: "async", errorStrategy: "continue", observers }));
    expect(failed).toEqual(["n30", 30, "n45", 45, "n60", 60]);
  });

  it("is noticed when the thread was blocked meanwhile, in every mode", async () => {
    vi.useRealTimers();
    const dag = new Dag("d");
    dag.node("busy", () => {
      const end = performance.now() + 20;
      while (performance.now() < end);
    });
    dag.node("b", { needs: ["busy"], inputsTimeout: 10, params: ["x"] }, () => 1);
    expect(() => dag.runSync()).toThrow(InputsTimeoutError);
    await expect(dag.run({ mode: "async" })).rejects.toThrow(InputsTimeoutError);
    await expect(dag.run()).rejects.toThrow(InputsTimeoutError);
  });

  it("ends the waits of a whole chain under continueNone", async () => {
    const dag = new Dag("d");
    dag.node("slow", () => sleep(1000));
    dag.node("n0", { needs: ["slow"], inputsTimeout: 10, params: ["x"] }, () => 0);
    for (let i = 1; i < 2000; i++)
      dag.node(`n${i}`, { needs: [`n${i - 1}`], inputsTimeout: 10, params: ["x"] }, () => i);
    const run = await outcome(dag.run({ mode: "async", errorStrategy: "continueNone" }));
    expect(run.status).toBe("failed");
    expect(run.errors.length).toBeGreaterThan(0);
    expect(await rejection(dag.run())).toBeInstanceOf(InputsTimeoutError);
  });
});
