import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findCycles } from "../../lib/graph/cycles.js";
import { digraph } from "../../lib/graph/digraph.js";
import { MinSet } from "../../lib/graph/min-set.js";
import { levels, topologicalOrder } from "../../lib/graph/order.js";
import { reachable, reversed } from "../../lib/graph/reachability.js";

const graphs = fc
  .integer({ min: 1, max: 12 })
  .chain((size) =>
    fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 30 }).map((edges) => ({ size, edges })),
  );
const acyclic = graphs.map(({ size, edges }) => ({
  size,
  edges: edges.filter(([a, b]) => a !== b).map(([a, b]) => (a < b ? ([a, b] as const) : ([b, a] as const))),
}));
const build = ({ size, edges }: { size: number; edges: readonly (readonly [number, number])[] }) =>
  digraph(
    size,
    edges.map(([from]) => from),
    edges.map(([, to]) => to),
  );

/** The transitive closure, by Warshall's algorithm, as a reference. */
function closure(size: number, edges: readonly (readonly [number, number])[]): boolean[][] {
  const reach = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  for (const [from, to] of edges) reach[from][to] = true;
  for (let k = 0; k < size; k++) {
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) reach[i][j] ||= reach[i][k] && reach[k][j];
  }
  return reach;
}

describe("MinSet", () => {
  it.each([1, 31, 32, 33, 1024, 1025, 40_000])("returns its members in order (capacity %i)", (capacity) => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(capacity - 1), { maxLength: 200 }), (members) => {
        const set = new MinSet(capacity);
        for (const member of members) set.add(member);
        expect(set.size).toBe(members.length);
        const taken = members.map(() => set.take());
        expect(taken).toEqual([...members].sort((a, b) => a - b));
        expect(set.take()).toBe(-1);
      }),
    );
  });

  it("supports additions between removals", () => {
    const set = new MinSet(2000);
    for (const member of [1999, 5, 40]) set.add(member);
    expect(set.take()).toBe(5);
    set.add(3);
    expect([set.take(), set.take(), set.take(), set.take()]).toEqual([3, 40, 1999, -1]);
  });
});

describe("topologicalOrder", () => {
  it("has every edge lead forward, and takes the smallest rank first among the vertices that are free", () => {
    fc.assert(
      fc.property(acyclic, (input) => {
        const order = Array.from(topologicalOrder(build(input)));
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: input.size }, (_, i) => i));
        const done = new Set<number>();
        for (const v of order) {
          const free = Array.from({ length: input.size }, (_, i) => i).filter(
            (i) => !done.has(i) && input.edges.every(([from, to]) => to !== i || done.has(from)),
          );
          expect(v).toBe(Math.min(...free));
          done.add(v);
        }
      }),
    );
  });

  it("puts each vertex one level above its highest predecessor", () => {
    fc.assert(
      fc.property(acyclic, (input) => {
        const graph = build(input);
        const level = levels(graph, topologicalOrder(graph));
        for (let v = 0; v < input.size; v++) {
          const needs = input.edges.filter(([, to]) => to === v).map(([from]) => level[from]);
          expect(level[v]).toBe(Math.max(-1, ...needs) + 1);
        }
      }),
    );
  });
});

describe("findCycles", () => {
  it("finds one cycle for each strongly connected component that has any", () => {
    fc.assert(
      fc.property(graphs, (input) => {
        const reach = closure(input.size, input.edges);
        const cycles = findCycles(build(input));
        const onCycle = reach.flatMap((row, v) => (row[v] ? [v] : []));
        const groups = new Set(
          onCycle.map((v) => onCycle.filter((w) => w === v || (reach[v][w] && reach[w][v])).join()),
        );
        expect(cycles).toHaveLength(groups.size);
        for (const cycle of cycles) {
          expect(new Set(cycle).size).toBe(cycle.length);
          cycle.forEach((v, i) => {
            const next = cycle[(i + 1) % cycle.length];
            expect(input.edges.some(([from, to]) => from === v && to === next)).toBe(true);
          });
        }
      }),
    );
  });
});

describe("reachable", () => {
  it("agrees with the transitive closure, forwards and backwards", () => {
    fc.assert(
      fc.property(graphs, fc.nat(11), (input, start) => {
        const origin = start % input.size;
        const reach = closure(input.size, input.edges);
        const graph = build(input);
        for (let v = 0; v < input.size; v++) {
          expect(reachable(graph, [origin])[v] === 1).toBe(v === origin || reach[origin][v]);
          expect(reachable(reversed(graph), [origin])[v] === 1).toBe(v === origin || reach[v][origin]);
        }
      }),
    );
  });
});
