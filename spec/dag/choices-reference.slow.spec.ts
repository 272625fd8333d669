import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunOptions, RunResult } from "dagwright";
import { observed } from "../support/observed.js";
import { buildChoices, evaluateChoices, isCircular, randomChoices } from "../support/random-choices.js";

const RUNS = { numRuns: 500 };

/** What the reference evaluator tells too. */
const facts = (run: RunResult) => ({ ...observed(run), errors: run.errors.map(({ node }) => node as string).sort() });
const WAYS: readonly RunOptions[] = [
  { mode: "async" },
  { mode: "async", concurrency: 2 },
  { executor: "level" },
  { executor: "reactive", mode: "async" },
  { executor: "level", mode: "async", concurrency: 3 },
];

describe.each(["continue", "continueNone"] as const)(
  "Random dags with whens and coalesces under %s",
  (errorStrategy) => {
    const expectedOf = (nodes: Parameters<typeof evaluateChoices>[0]) => {
      const expected = evaluateChoices(nodes, errorStrategy);
      return { ...expected, errors: [...expected.errors].sort() };
    };

    it("give in mode sequential what the reference evaluator gives, in executionOrder", async () => {
      await fc.assert(
        fc.asyncProperty(randomChoices(14), async (nodes) => {
          fc.pre(!isCircular(nodes));
          const called: string[] = [];
          const dag = buildChoices(nodes, false, (name) => called.push(name));
          const run = await dag.run({ errorStrategy });
          expect(facts(run)).toEqual(expectedOf(nodes));
          // What waits for a skipped node can start before its turn.
          if (Object.values(observed(run).statuses).includes("skipped")) return;
          expect(called).toEqual(dag.executionOrder.filter((name) => called.includes(name)));
        }),
        RUNS,
      );
    });

    it("give the same under runSync, and step by step", async () => {
      await fc.assert(
        fc.asyncProperty(randomChoices(12), async (nodes) => {
          fc.pre(!isCircular(nodes));
          expect(facts(buildChoices(nodes, true).runSync({ errorStrategy }))).toEqual(expectedOf(nodes));
          const dag = buildChoices(nodes);
          let step = await dag.step(undefined, { errorStrategy });
          while (!step.done) step = await dag.step(step.state);
          expect(facts(step.run as RunResult)).toEqual(expectedOf(nodes));
        }),
        { numRuns: 200 },
      );
    });

    it.each(WAYS)("give the same, for the same reasons, with %o", async (options) => {
      await fc.assert(
        fc.asyncProperty(randomChoices(14), async (nodes) => {
          fc.pre(!isCircular(nodes));
          const run = await buildChoices(nodes).run({ ...options, errorStrategy });
          expect(facts(run)).toEqual(expectedOf(nodes));
          for (const [name, { status, skippedBy }] of run.nodes) {
            expect([name, skippedBy !== undefined]).toEqual([name, status === "skipped"]);
          }
        }),
        RUNS,
      );
    });

    it("keep of the outputs what retain: outputs promises", async () => {
      await fc.assert(
        fc.asyncProperty(randomChoices(14), async (nodes) => {
          fc.pre(!isCircular(nodes));
          const dag = buildChoices(nodes);
          const all = await dag.run({ errorStrategy });
          const lean = await dag.run({ errorStrategy, retain: "outputs" });
          expect({ ...lean.outputs }).toEqual({ ...all.outputs });
          expect(observed(lean).statuses).toEqual(observed(all).statuses);
        }),
        RUNS,
      );
    });

    it("are computed again, from any node on, to the same end", async () => {
      await fc.assert(
        fc.asyncProperty(randomChoices(12), fc.nat(), async (nodes, at) => {
          fc.pre(!isCircular(nodes));
          const dag = buildChoices(nodes);
          const whole = await dag.run({ errorStrategy });
          fc.pre([...whole.nodes.values()].every(({ status }) => status !== "failed"));
          const { name } = nodes[at % nodes.length];
          fc.pre(whole.nodes.get(name)?.status !== "skipped");
          const part = await dag.runFrom(name, { errorStrategy, mode: "async" });
          expect({ ...part.results }).toEqual({ ...whole.results });
        }),
        RUNS,
      );
    });
  },
);

describe("Random dags with whens and coalesces under failFast", () => {
  it("complete if only candidates, and what only they need, fail", async () => {
    await fc.assert(
      fc.asyncProperty(randomChoices(14), fc.constantFrom("sequential", "async"), async (nodes, mode) => {
        fc.pre(!isCircular(nodes));
        const expected = evaluateChoices(nodes, "continue");
        const run = await buildChoices(nodes)
          .run({ mode })
          .catch((error: { run: RunResult }) => error.run);
        expect(run.status).toBe(expected.status);
        if (run.status === "completed") expect(observed(run)).toEqual({ ...expected, errors: undefined });
      }),
      RUNS,
    );
  });
});
