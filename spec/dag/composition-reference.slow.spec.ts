import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dag, type Mode, type RunResult } from "dagwright";
import { observed } from "../support/observed.js";
import { build, randomDags } from "../support/random-dag.js";
import { evaluate, type RandomNode } from "../support/reference.js";
import { turns } from "../support/waiting.js";

const RUNS = { numRuns: 200 };

/** Random dags in which nothing depends on timing. */
const steadyDags = randomDags(10).filter(
  (nodes) => !nodes.some(({ kind, needs }) => kind === "any" && needs.length > 1),
);

const withoutFailures = (nodes: readonly RandomNode[]) => nodes.map((node) => ({ ...node, fails: false }));

const modes = fc.record({
  mode: fc.constantFrom<Mode>("sequential", "async"),
  concurrency: fc.integer({ min: 1, max: 3 }),
});

/** Runs with the options that hold in their mode. */
const given = ({ mode, concurrency }: { mode: Mode; concurrency: number }) =>
  mode === "async" ? { mode, concurrency } : { mode };

describe("A random dag inside of others", () => {
  it("gives at any depth what it gives on its own", async () => {
    await fc.assert(
      fc.asyncProperty(steadyDags, fc.integer({ min: 1, max: 4 }), modes, async (random, depth, how) => {
        const nodes = withoutFailures(random);
        let dag = build(nodes);
        for (let level = 0; level < depth; level++) {
          const outer = new Dag(`level${level}`);
          outer.node("beside", () => level);
          outer.node("inner", { after: ["beside"] }, dag);
          dag = outer;
        }
        let run: RunResult<any> = await dag.run(given(how));
        for (let level = 0; level < depth; level++) run = run.child("inner") as RunResult<any>;
        expect(observed(run)).toEqual(evaluate(nodes, "continue"));
      }),
      RUNS,
    );
  });

  it("fails the node that it is in exactly if it fails, and leaves nothing running when it is aborted", async () => {
    await fc.assert(
      fc.asyncProperty(steadyDags, modes, fc.nat(20), async (nodes, how, after) => {
        let running = 0;
        const inner = build(nodes, {
          instead: async (_node, _ctx, answer) => {
            running++;
            await turns(1);
            running--;
            return answer();
          },
        });
        const alone = await inner.run(given(how)).then(
          (run) => run.status,
          () => "failed",
        );
        const outer = new Dag("outer");
        outer.node("inner", inner);
        const run = await outer.run({ ...given(how), errorStrategy: "continue" });
        expect(run.nodes.get("inner")?.status).toBe(alone);

        const controller = new AbortController();
        const aborted = outer.run({ ...given(how), signal: controller.signal });
        await turns(after);
        controller.abort();
        await aborted.catch(() => undefined);
        await turns(2);
        expect(running).toBe(0);
      }),
      RUNS,
    );
  });
});

const items = fc.array(fc.record({ value: fc.integer(), fails: fc.nat(5), isAsync: fc.boolean() }), { maxLength: 20 });

describe("A map over random items", () => {
  const work = ({ value, fails, isAsync }: { value: number; fails: number; isAsync: boolean }) => {
    const answer = () => {
      if (fails === 0) throw new Error(`no ${value}`);
      return value * 2;
    };
    return isAsync ? Promise.resolve().then(answer) : answer();
  };

  it("settles as Promise.allSettled does", async () => {
    await fc.assert(
      fc.asyncProperty(items, modes, fc.option(fc.integer({ min: 1, max: 4 })), async (list, how, limit) => {
        const dag = new Dag("mapping");
        dag.node("list", () => list);
        const settings = { needs: ["list"], onItemError: "settle" as const, concurrency: limit ?? undefined };
        dag.map("doubled", settings, work);
        const run = await dag.run(given(how));
        const expected = await Promise.allSettled(list.map(async (item) => work(item)));
        const settled = run.get("doubled") as PromiseSettledResult<number>[];
        expect(settled.map(({ status }) => status)).toEqual(expected.map(({ status }) => status));
        expect(settled.map((one) => (one.status === "fulfilled" ? one.value : undefined))).toEqual(
          expected.map((one) => (one.status === "fulfilled" ? one.value : undefined)),
        );
      }),
      RUNS,
    );
  });

  it("fails exactly if Promise.all does, and gives the same otherwise", async () => {
    await fc.assert(
      fc.asyncProperty(items, modes, async (list, how) => {
        const dag = new Dag("mapping");
        dag.node("list", () => list);
        dag.map("doubled", { needs: ["list"] }, work);
        const expected = await Promise.all(list.map(async (item) => work(item))).catch(() => "failed");
        const got = await dag.run(given(how)).then(
          (run) => run.get("doubled") as unknown,
          () => "failed",
        );
        expect(got).toEqual(expected);
      }),
      RUNS,
    );
  });

  it("starts no item after an abort", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30 }), modes, fc.nat(20), async (count, how, after) => {
        let started = 0;
        const dag = new Dag("mapping");
        dag.node("list", () => Array.from({ length: count }, (_, i) => i));
        dag.map("slow", { needs: ["list"] }, async () => {
          started++;
          await turns(1);
        });
        const controller = new AbortController();
        const ended = dag.run({ ...given(how), signal: controller.signal }).catch(() => undefined);
        await turns(after);
        controller.abort();
        const before = started;
        await ended;
        await turns(3);
        expect(started).toBe(before);
      }),
      RUNS,
    );
  });
});

describe("A random dag over a stream", () => {
  it("gives for each item what a run of its own gives", async () => {
    await fc.assert(
      fc.asyncProperty(steadyDags, fc.array(fc.integer(), { maxLength: 8 }), modes, async (nodes, list, how) => {
        const dag = build(withoutFailures(nodes));
        dag.node("seed", { params: ["x"] }, (x: number) => x * 2);
        const streamed = [];
        for await (const { run } of dag.stream(list, { input: "x", concurrency: how.concurrency })) {
          streamed.push(observed(run));
        }
        const single = [];
        for (const x of list) single.push(observed(await dag.run({ inputs: { x }, mode: "async" })));
        expect(streamed).toEqual(single);
      }),
      RUNS,
    );
  });
});
