import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dag, subworkflow, type Mode, type RunResult } from "dagwright";
import { observed } from "../support/observed.js";
import { build, randomDags } from "../support/random-dag.js";
import { compute, evaluate, type RandomNode } from "../support/reference.js";

type Need = RandomNode["needs"][number];

/** A dag with one inside, and the same dag with the inner nodes among the outer ones. */
interface Case {
  /** The nodes before and after the inner ones; the latter need inner ones by their names. */
  readonly outer: readonly RandomNode[];
  readonly inner: readonly RandomNode[];
  /** The outer nodes whose results the inner dag takes, by input. */
  readonly sources: readonly string[];
  readonly depth: number;
  readonly how: { readonly mode: Mode; readonly concurrency?: number };
}

const renamed = (nodes: readonly RandomNode[], prefix: string): RandomNode[] =>
  nodes.map((node) => ({
    ...node,
    name: prefix + node.name,
    needs: node.needs.map((need) => ({ ...need, node: prefix + need.node })),
    after: node.after.map((name) => prefix + name),
  }));

/** Gives nodes without needs one, and leaves the others as they are. */
const fed = (nodes: readonly RandomNode[], source: (index: number) => Need | undefined): RandomNode[] =>
  nodes.map((node, index) => {
    const need = node.needs.length === 0 ? source(index) : undefined;
    return need === undefined ? node : { ...node, needs: [need] };
  });

const inputNode = (source: string, k: number): RandomNode => ({
  name: `in${k}`,
  kind: "node",
  needs: [{ node: source }],
  after: [],
  fails: false,
  branch: "",
  isAsync: false,
});

const flattened = ({ outer, inner, sources }: Case): RandomNode[] => {
  const inputs = sources.map(inputNode);
  const first = outer.filter(({ name }) => name.startsWith("a"));
  return [...first, ...inputs, ...inner, ...outer.filter(({ name }) => !name.startsWith("a"))];
};

/** Whether each `any` has one need that completes at most, so that nothing depends on timing. */
function isSteady(nodes: readonly RandomNode[]): boolean {
  const { statuses } = evaluate(nodes, "continue");
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const completes = ({ node, branch }: Need) =>
    statuses[node] === "completed" && (branch === undefined || byName.get(node)?.branch === branch);
  return nodes.every(({ kind, needs }) => kind !== "any" || needs.filter(completes).length <= 1);
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    before: randomDags(6),
    inner: randomDags(7),
    after: randomDags(6),
    picks: fc.array(fc.nat(), { minLength: 1, maxLength: 12 }),
    optional: fc.nat(3).map((n) => n === 0),
    depth: fc.integer({ min: 1, max: 3 }),
    how: fc.oneof(
      fc.constant({ mode: "sequential" as const }),
      fc.integer({ min: 1, max: 3 }).map((concurrency) => ({ mode: "async" as const, concurrency })),
    ),
  })
  .map(({ before, inner, after, picks, optional, depth, how }): Case => {
    const pick = <T>(list: readonly T[], index: number): T | undefined =>
      list.length === 0 ? undefined : list[picks[index % picks.length] % list.length];
    const first = renamed(before, "a");
    // A dag inside starts when all that it takes is there; its nodes may start when what they take is there.
    const { statuses } = evaluate(first, "continue");
    const there = first.map(({ name }) => name).filter((name) => statuses[name] === "completed");
    const sources = Array.from(new Set(picks.slice(0, 3).flatMap((_, k) => pick(there, k) ?? [])));
    const middle = fed(
      renamed(inner, "b").map((node) => ({ ...node, fails: false })),
      (index) => (sources.length === 0 ? undefined : { node: `in${index % sources.length}` }),
    );
    const last = fed(renamed(after, "c"), (index) => {
      const source = pick(middle, index);
      return source && { node: source.name, optional };
    });
    return { outer: [...first, ...last], inner: middle, sources, depth, how };
  })
  .filter((one) => isSteady(flattened(one)));

/** The dag with another one inside, at the depth asked for. */
function nested({ outer, inner, sources, depth }: Case): Dag<any> {
  let dag: Dag<any> = build(inner);
  sources.forEach((_, k) => dag.node(`in${k}`, { params: [`i${k}`] }, (x: unknown) => compute(`in${k}`, [x])));
  for (let level = 1; level < depth; level++) {
    const around = new Dag<any>(`level${level}`);
    around.node("in", dag);
    dag = around;
  }
  const names = new Set(inner.map(({ name }) => name));
  const path = "in.".repeat(depth);
  const within = ({ node, ...need }: Need): Need => ({ ...need, node: names.has(node) ? path + node : node });
  const around = build(outer.map((node) => ({ ...node, needs: node.needs.map(within) })));
  const inputs = Object.fromEntries(sources.map((source, k) => [`i${k}`, source]));
  around.node("in", subworkflow(dag, { inputs }));
  return around;
}

/** What a run gave, with the runs inside among it. */
function merged(run: RunResult<any>): { statuses: object; results: object; skippedBy: Record<string, string> } {
  const { statuses, results } = observed(run);
  const skippedBy: Record<string, string> = {};
  for (const [name, node] of run.nodes) {
    if (node.skippedBy !== undefined) skippedBy[name] = node.skippedBy.replace(/^(in\.)+/u, "");
  }
  const child = run.child("in") as RunResult<any> | undefined;
  if (child === undefined) return { statuses, results, skippedBy };
  delete statuses["in"];
  delete results["in"];
  const inside = merged(child);
  return {
    statuses: { ...statuses, ...inside.statuses },
    results: { ...results, ...inside.results },
    skippedBy: { ...skippedBy, ...inside.skippedBy },
  };
}

describe("A random dag with one inside", () => {
  it("gives what it gives with the inner nodes among its own", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (one) => {
        const nodes = flattened(one);
        const run = await nested(one).run({ ...one.how, errorStrategy: "continue" });
        const { skippedBy, ...given } = merged(run);
        expect({ status: run.status, ...given }).toEqual(evaluate(nodes, "continue"));
        const flat = merged(await build(nodes).run({ ...one.how, errorStrategy: "continue" }));
        expect(given).toEqual({ statuses: flat.statuses, results: flat.results });
        expect(Object.keys(skippedBy).sort()).toEqual(Object.keys(flat.skippedBy).sort());
        // Which of several needs skips a node is a matter of timing.
        for (const { name, needs } of nodes) if (needs.length === 1) expect(skippedBy[name]).toBe(flat.skippedBy[name]);
      }),
      { numRuns: 500 },
    );
  });
});
