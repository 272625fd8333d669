import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dag, type Mode } from "dagwright";
import { turns } from "../support/waiting.js";

interface Work {
  readonly value: number;
  readonly fails: boolean;
  /** How many microtasks it takes; none if it is synchronous. */
  readonly takes: number;
}

const COLLECTIONS = {
  array: (items: Work[]): unknown => items,
  set: (items: Work[]) => new Set(items),
  iterator: (items: Work[]) => items.values(),
  async: async function* (items: Work[]) {
    for (const item of items) yield item;
  },
  map: (items: Work[]) => new Map(items.map((item, i) => [i % 2 === 0 ? i : `${i}`, item])),
  record: (items: Work[]) => Object.fromEntries(items.map((item, i) => [`key ${i}`, item])),
};
type Kind = keyof typeof COLLECTIONS;

/** The results in the form of their collection. */
function collected(kind: Kind, results: readonly (readonly [index: number, result: unknown])[]): unknown {
  if (kind === "map") return new Map(results.map(([i, result]) => [i % 2 === 0 ? i : `${i}`, result]));
  if (kind === "record") return Object.fromEntries(results.map(([i, result]) => [`key ${i}`, result]));
  return results.map(([, result]) => result);
}

/** What `Promise.all` and `Promise.allSettled` make of the same work, without reasons. */
async function expected(kind: Kind, items: readonly Work[], policy: "fail" | "skip" | "settle"): Promise<unknown> {
  const settled = await Promise.allSettled(items.map(async (item) => perform(item)));
  if (policy === "fail" && settled.some(({ status }) => status === "rejected")) return "failed";
  const indexed = settled.map((one, i) => [i, one] as const);
  if (policy === "settle") {
    return collected(
      kind,
      indexed.map(([i, one]) => [i, withoutReason(one)]),
    );
  }
  return collected(
    kind,
    indexed.flatMap(([i, one]) => (one.status === "fulfilled" ? [[i, one.value] as const] : [])),
  );
}

const withoutReason = (one: PromiseSettledResult<unknown>) =>
  one.status === "fulfilled" ? one : { status: "rejected" as const };

function withoutReasons(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(withoutReason);
  if (result instanceof Map) return new Map(Array.from(result, ([key, one]) => [key, withoutReason(one)]));
  return Object.fromEntries(
    Object.entries(result as Record<string, PromiseSettledResult<unknown>>).map(([key, one]) => [
      key,
      withoutReason(one),
    ]),
  );
}

function perform({ value, fails, takes }: Work): number | Promise<number> {
  const answer = () => {
    if (fails) throw new Error(`no ${value}`);
    return value * 2;
  };
  return takes === 0 ? answer() : turns(takes).then(answer);
}

const items = fc.array(fc.record({ value: fc.integer(), fails: fc.nat(7).map((n) => n === 0), takes: fc.nat(4) }), {
  maxLength: 20,
});

describe("A map", () => {
  it.each(["a function", "a workflow", "a call of ctx.run"])(
    "gives with %s what Promise.all and Promise.allSettled give, in the form of its collection",
    async (how) => {
      await fc.assert(
        fc.asyncProperty(
          items,
          fc.constantFrom(...(Object.keys(COLLECTIONS) as Kind[])),
          fc.constantFrom("fail", "skip", "settle"),
          fc.constantFrom<Mode>("sequential", "async"),
          fc.record({ of: fc.integer({ min: 1, max: 4 }), run: fc.integer({ min: 1, max: 4 }) }),
          async (list, kind, policy, mode, limit) => {
            let [running, most] = [0, 0];
            const work = async (item: Work) => {
              most = Math.max(most, ++running);
              try {
                return await perform(item);
              } finally {
                running--;
              }
            };
            const child = new Dag("child");
            child.node("work", work);
            child.node("same", { needs: ["work"] }, (result: number) => result);
            const dag = new Dag("mapping");
            dag.node("list", () => COLLECTIONS[kind](list));
            const options = { needs: ["list"], onItemError: policy, concurrency: limit.of };
            if (how === "a function") dag.map("doubled", options, work);
            else if (how === "a workflow") dag.map("doubled", options, child);
            else {
              dag.map("doubled", options, async (item: Work, ctx) => {
                return (await ctx.run(child, { inputs: { item } })).value;
              });
            }
            const run = await dag.run(mode === "async" ? { mode, concurrency: limit.run } : { mode }).then(
              (run) => run,
              () => undefined,
            );
            const result: unknown = run === undefined ? "failed" : run.get("doubled");
            const got = policy === "settle" ? withoutReasons(result) : result;
            expect(got).toEqual(await expected(kind, list, policy));
            expect(most).toBeLessThanOrEqual(mode === "async" ? Math.min(limit.of, limit.run) : 1);
            expect(running).toBe(0);
            if (run === undefined) return;
            const failed = list.filter(({ fails }) => fails).length;
            const counts = { total: list.length, completed: list.length - failed, failed, cached: 0 };
            expect(run.nodes.get("doubled")!.items).toEqual(counts);
          },
        ),
        { numRuns: 300 },
      );
    },
  );
});
