import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { observed } from "../support/observed.js";
import { build, randomDags } from "../support/random-dag.js";
import type { RandomNode } from "../support/reference.js";

/** Dags without forks, optional needs and `any`: a run without observers follows the plan's order as long as it can. */
const plainDags = randomDags(14).map((nodes) =>
  nodes.map((node): RandomNode => ({
    ...node,
    kind: "node",
    branch: "",
    needs: node.needs.map((need) => ({ node: need.node, branch: undefined, optional: false })),
  })),
);

describe.each(["continue", "continueNone", "failFast"] as const)("Plain dags under %s", (errorStrategy) => {
  it.each([{}, { mode: "async" }, { mode: "async", concurrency: 2 }] as const)(
    "call the same nodes in the same order with and without an observer, whose runs count needs from the start: %o",
    async (options) => {
      await fc.assert(
        fc.asyncProperty(plainDags, async (nodes) => {
          const outcome = async (observers?: (() => void)[]) => {
            const calls: string[] = [];
            const dag = build(nodes, { instead: ({ name }, _, answer) => (calls.push(name), answer()) });
            const run = await dag.run({ ...options, errorStrategy, observers }).catch(({ run }) => run);
            return { calls, ...observed(run) };
          };
          expect(await outcome()).toEqual(await outcome([() => {}]));
        }),
        { numRuns: 300 },
      );
    },
  );
});
