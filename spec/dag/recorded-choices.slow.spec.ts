import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dag, type RunEvent, type RunResult } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { observed } from "../support/observed.js";
import { buildChoices, evaluateChoices, isCircular, randomChoices } from "../support/random-choices.js";
import { failure } from "../support/waiting.js";

describe("Recorded runs with choices", () => {
  it("resume wherever they were cut off, and end as if they had not been", async () => {
    const store = sqliteStore(":memory:");
    await fc.assert(
      fc.asyncProperty(randomChoices(10), fc.nat(8), async (nodes, starts) => {
        fc.pre(!isCircular(nodes));
        const expected = evaluateChoices(nodes, "continue");
        const controller = new AbortController();
        let started = 0;
        const observer = (event: RunEvent) => {
          if (event.type === "attempt.started" && started++ === starts) controller.abort();
        };
        const dag = buildChoices(nodes);
        const options = { store, errorStrategy: "continue", mode: "async" } as const;
        const { signal } = controller;
        const first = await dag
          .run({ ...options, signal, observers: [observer] })
          .catch((error: { run: RunResult }) => error.run);
        await first.recorded;
        const run = await buildChoices(nodes).resume(first.runId, options);
        expect(observed(run)).toEqual({ ...expected, errors: undefined });
        expect((await store.getRun(run.runId))?.status).toBe(expected.status);
      }),
      { numRuns: 150 },
    );
    await store.close();
  });

  it("keep what a condition decided before a crash, and run its branch", async () => {
    const store = sqliteStore(":memory:");
    const called: string[] = [];
    let isBroken = true;
    const define = () => {
      const dag = new Dag("d");
      const flag = dag.node("flag", () => called.push("flag") > 0);
      const yes = dag.node("yes", () => {
        called.push("yes");
        if (isBroken) throw new Error("crash");
        return "yes";
      });
      dag.when("pick", { if: flag, then: yes, else: dag.node("no", () => called.push("no")) });
      return dag;
    };
    const { run } = await failure(define().run({ store }));
    isBroken = false;
    const resumed = await define().resume(run.runId, { store });
    expect([resumed.value, called]).toEqual(["yes", ["flag", "yes", "yes"]]);
    const { nodes } = (await store.getRun(run.runId))!;
    expect(nodes.get("no")).toMatchObject({ status: "skipped" });
    await store.close();
  });

  it("are read back with a handled failure, which is no error of theirs", async () => {
    const store = sqliteStore(":memory:");
    const dag = new Dag("d");
    const a = dag.node("a", () => {
      throw new Error("no");
    });
    dag.coalesce("found", [a, dag.node("b", () => 1)]);
    const { runId } = await dag.run({ store });
    const again = await dag.resume(runId, { store });
    expect([again.status, again.value, again.errors]).toEqual(["completed", 1, []]);
    expect(again.error("a")?.message).toContain("no");
    await store.close();
  });

  it("are not continued if a branch has become the other one", async () => {
    const store = sqliteStore(":memory:");
    const define = (swap: boolean) => {
      const dag = new Dag("d");
      const flag = dag.node("flag", () => true);
      const [then, other] = ["x", "y"].map((name) => dag.node(name, () => name));
      dag.when("pick", { if: flag, then: swap ? other : then, else: swap ? then : other });
      return dag;
    };
    const { runId } = await define(false).run({ store });
    await expect(define(true).resume(runId, { store })).rejects.toThrow('rewired "pick"');
    await store.close();
  });
});
