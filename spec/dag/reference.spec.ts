import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CancelledError, RunEvent, RunResult } from "dagwright";
import { observed } from "../support/observed.js";
import { build, randomDags } from "../support/random-dag.js";
import { evaluate, type RandomNode } from "../support/reference.js";

const RUNS = { numRuns: 400 };

/** Where which need wins is a matter of timing: an `any` with several needs. */
const races = (node: RandomNode) => node.kind === "any" && node.needs.length > 1;

describe.each(["continue", "continueNone"] as const)("Random dags under %s", (errorStrategy) => {
  it("give in mode sequential what the reference evaluator gives", async () => {
    await fc.assert(
      fc.asyncProperty(randomDags(14), async (nodes) => {
        const run = await build(nodes).run({ errorStrategy });
        expect(observed(run)).toEqual(evaluate(nodes, errorStrategy));
      }),
      RUNS,
    );
  });

  it("give the same under runSync", () => {
    fc.assert(
      fc.property(randomDags(14), (nodes) => {
        const run = build(nodes, { sync: true }).runSync({ errorStrategy });
        expect(observed(run)).toEqual(evaluate(nodes, errorStrategy));
      }),
      RUNS,
    );
  });

  it("give the same in mode async, at any concurrency, where no any-node races", async () => {
    await fc.assert(
      fc.asyncProperty(randomDags(14), fc.integer({ min: 1, max: 4 }), async (nodes, concurrency) => {
        fc.pre(!nodes.some(races));
        const dag = build(nodes);
        const expected = evaluate(nodes, errorStrategy);
        expect(observed(await dag.run({ mode: "async", errorStrategy }))).toEqual(expected);
        expect(observed(await dag.run({ mode: "async", concurrency, errorStrategy }))).toEqual(expected);
      }),
      RUNS,
    );
  });

  it("give the same statuses in mode async, whoever wins a race", async () => {
    await fc.assert(
      fc.asyncProperty(randomDags(14), async (nodes) => {
        const run = await build(nodes).run({ mode: "async", errorStrategy });
        expect(observed(run).statuses).toEqual(evaluate(nodes, errorStrategy).statuses);
      }),
      RUNS,
    );
  });

  it("keep of the outputs what retain: outputs promises", async () => {
    await fc.assert(
      fc.asyncProperty(randomDags(14), async (nodes) => {
        const dag = build(nodes);
        const all = await dag.run({ errorStrategy });
        const lean = await dag.run({ errorStrategy, retain: "outputs" });
        expect({ ...lean.outputs }).toEqual({ ...all.outputs });
        expect(observed(lean).statuses).toEqual(observed(all).statuses);
      }),
      RUNS,
    );
  });

  it("end up in the same state whether run at once or step by step", async () => {
    await fc.assert(
      fc.asyncProperty(randomDags(10), async (nodes) => {
        const dag = build(nodes);
        let step = await dag.step(undefined, { errorStrategy });
        while (!step.done) step = await dag.step(step.state);
        expect(observed(step.run as RunResult)).toEqual(evaluate(nodes, errorStrategy));
      }),
      { numRuns: 100 },
    );
  });
});

describe("Random dags that are aborted", () => {
  it("settle at once and leave no node in between, whenever it happens", async () => {
    await fc.assert(
      fc.asyncProperty(
        randomDags(14),
        fc.nat(20),
        fc.constantFrom("sequential", "async"),
        fc.constantFrom("sync", "microtask", "turn"),
        async (nodes, starts, mode, when) => {
          const controller = new AbortController();
          let started = 0;
          const abort = { sync: (f: () => void) => f(), microtask: queueMicrotask, turn: setImmediate }[when];
          const observer = (event: RunEvent) => {
            if (event.type === "attempt.started" && started++ === starts) abort(() => controller.abort("stop"));
          };
          const { signal } = controller;
          const run = await build(nodes)
            .run({ mode, signal, observers: [observer], errorStrategy: "continue" })
            .catch((error: CancelledError) => error.run);
          const final = ["completed", "failed", "skipped", "cancelled"];
          for (const { status } of run.nodes.values()) expect(final).toContain(status);
          const isCancelled = run.status === "cancelled";
          expect([...run.nodes.values()].some(({ status }) => status === "cancelled")).toBe(isCancelled);
        },
      ),
      RUNS,
    );
  });
});
