import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Dag, LiveDag } from "dagwright";
import { buildChanging, changingDags, INPUTS } from "../../support/changing-dag.js";
import { turns } from "../../support/waiting.js";

const values = fc.constantFrom(0, 1, 2, 3, "x", undefined, null);
const changes = fc.array(
  fc.record({
    set: fc.record({ a: values, b: values, c: values }, { requiredKeys: [] }),
    wait: fc.constantFrom(-1, -1, 0, 1, 2, 5),
  }),
  { maxLength: 8 },
);

/** The inputs that the dag takes. */
function taken(dag: Dag, inputs: Record<string, unknown>): Record<string, unknown> {
  const names = dag.inputs.map(({ name }) => name);
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => names.includes(name)));
}

async function expectUpToDate(dag: Dag, live: LiveDag, inputs: Record<string, unknown>): Promise<void> {
  const run = await dag.run({ inputs, errorStrategy: "continue" });
  for (const name of dag) {
    const inside = ["first", "second"].map((inner) => `${name}.${inner}`);
    for (const path of inside) expect([path, live.get(path, "none")]).toEqual([path, run.get(path, "none")]);
    const [fresh, own] = [run.nodes.get(name)?.status, live.status(name)];
    expect(`${name} ${own}`).toBe(`${name} ${fresh}`);
    expect(live.has(name)).toBe(run.has(name));
    expect(live.get(name)).toEqual(run.get(name));
  }
  expect(live.errors.map(({ node }) => node).sort()).toEqual(run.errors.map(({ node }) => node).sort());
}

describe.each(["sequential", "async"] as const)("In mode %s, a live dag", (mode) => {
  it("has what a fresh run has, after any changes", async () => {
    await fc.assert(
      fc.asyncProperty(changingDags(9), changes, fc.constantFrom(1, 2, Infinity), async (nodes, steps, concurrency) => {
        const dag = buildChanging(nodes);
        const inputs: Record<string, unknown> = taken(dag, Object.fromEntries(INPUTS.map((name) => [name, 1])));
        await using live = dag.live({ inputs, mode, concurrency });
        for (const { set, wait } of steps) {
          const own = taken(dag, set);
          Object.assign(inputs, own);
          if (Object.keys(own).length > 0) live.set(own);
          if (wait >= 0) await turns(wait);
          else {
            await live.settled();
            await expectUpToDate(dag, live, inputs);
          }
        }
        await live.settled();
        await expectUpToDate(dag, live, inputs);
      }),
      { numRuns: 400 },
    );
  });
});

it("A live dag calls each node at most once a change", async () => {
  await fc.assert(
    fc.asyncProperty(changingDags(12), changes, async (nodes, steps) => {
      let calls: string[] = [];
      const dag = buildChanging(nodes, (name) => name.endsWith("[]") || calls.push(name));
      const names = dag.inputs.map(({ name }) => name);
      await using live = dag.live({ inputs: Object.fromEntries(names.map((name) => [name, 1])) });
      await live.settled();
      for (const { set } of steps) {
        calls = [];
        const own = taken(dag, set);
        if (Object.keys(own).length > 0) live.set(own);
        await live.settled();
        expect(new Set(calls).size).toBe(calls.length);
      }
    }),
    { numRuns: 300 },
  );
});
