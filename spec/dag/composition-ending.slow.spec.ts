import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dag, route, type Context, type RunEvent, type RunOptions, type RunResult } from "dagwright";
import { turns } from "../support/waiting.js";

/** What a function does when it is called. */
interface Act {
  /** How many microtasks it takes. */
  readonly takes: number;
  readonly fails: boolean;
  /** Whether it stops when its signal aborts. */
  readonly listens: boolean;
  readonly result: boolean;
}

const SETTLED = ["completed", "failed", "skipped", "cancelled"];

/** A dag with workflows, maps, cases and choices in it. @param work - what each of its functions does */
function everything(work: (ctx: Context) => Promise<boolean>, items: number): Dag<any> {
  const child = new Dag<any>("child");
  child.node("one", (ctx: Context) => work(ctx));
  child.node("two", { needs: ["one"] }, (_: unknown, ctx: Context) => work(ctx));
  const withInput = new Dag<any>("withInput");
  withInput.node("take", (item: number, ctx: Context) => work(ctx).then(() => item));
  withInput.node("in", child);

  const dag = new Dag<any>("everything");
  const list = dag.node("list", () => Array.from({ length: items }, (_, i) => i));
  const routes = dag.map("routes", { needs: [list] }, (i) => route(i % 2 === 0 ? "even" : "odd", i));
  dag.map("workflows", { needs: [list], concurrency: 3 }, withInput);
  dag.map("functions", { needs: [list], onItemError: "skip" }, (_, ctx) => work(ctx));
  dag.map("calls", { needs: [list], onItemError: "settle" }, async (_, ctx) => (await ctx.run(child)).value);
  const even = (_: unknown, ctx: Context) => work(ctx);
  dag.map("cases", { needs: [routes] }, { cases: { even, odd: withInput } });
  const is = dag.node("is", (ctx: Context) => work(ctx));
  const then = dag.node("then", child);
  const otherwise = dag.node("otherwise", { needs: [dag.node("before", (ctx: Context) => work(ctx))] }, (_, ctx) => {
    return work(ctx as Context);
  });
  const when = dag.when("when", { if: is, then, else: otherwise });
  const first = dag.node("first", { retry: { retries: 1, delay: 0 } }, child);
  const second = dag.map("second", { needs: [list] }, (_, ctx) => work(ctx));
  dag.coalesce("some", [first, second, when]);
  dag.node("calling", async (ctx: Context) => {
    const runs = await Promise.all([0, 1].map((key) => ctx.run(child, { key, errorStrategy: "continue" })));
    return runs.map(({ value }) => value);
  });
  return dag;
}

/** The runs inside of a run, at any depth. */
function inside(run: RunResult<any>, events: readonly RunEvent[]): RunResult<any>[] {
  const children = events.flatMap((event) => {
    if (event.type !== "run.started" || event.parent?.runId !== run.runId) return [];
    const { node } = event.parent;
    const key = event.runId.slice(`${run.runId}/${node}[`.length, -1);
    return run.child(node, key === "" ? undefined : key) ?? [];
  }) as RunResult<any>[];
  return children.flatMap((child) => [child, ...inside(child, events)]);
}

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.record({
    takes: fc.nat(6),
    fails: fc.nat(9).map((n) => n === 0),
    listens: fc.boolean(),
    result: fc.boolean(),
  }),
  { minLength: 1, maxLength: 20 },
);

const ways = fc.record({
  mode: fc.constantFrom("sequential", "async"),
  executor: fc.constantFrom("workQueue", "level", "reactive"),
  errorStrategy: fc.constantFrom("failFast", "continue", "continueNone"),
  concurrency: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
});

describe("A run with workflows, maps and choices in it", () => {
  it("ends whatever fails, and whenever it is aborted, with nothing running after it", async () => {
    await fc.assert(
      fc.asyncProperty(acts, ways, fc.nat(5), fc.option(fc.nat(120)), async (list, way, items, abortAfter) => {
        let [started, running] = [0, 0];
        const work = async ({ signal }: Context): Promise<boolean> => {
          const { takes, fails, listens, result } = list[started++ % list.length];
          running++;
          for (let turn = 0; turn < takes && !(listens && signal.aborted); turn++) await turns(1);
          running--;
          if (fails) throw new Error("it fails");
          return result;
        };
        const events: RunEvent[] = [];
        const { concurrency, ...options } = way;
        const controller = new AbortController();
        const given = {
          ...options,
          signal: controller.signal,
          observers: [(event: RunEvent) => void events.push(event)],
        };
        const limited = way.mode === "async" ? { ...given, concurrency } : given;
        const ended = everything(work, items).run(limited as RunOptions<any>);
        if (abortAfter !== null) void turns(abortAfter).then(() => controller.abort());
        const run = await ended.catch((error: { run: RunResult<any> }) => error.run);

        const before = { started, events: events.length };
        await turns(10);
        await new Promise((resolve) => setImmediate(resolve));
        expect({ started, events: events.length }).toEqual(before);
        expect(running).toBe(0);
        for (const { nodes, status } of [run, ...inside(run, events)]) {
          expect(SETTLED).toContain(status);
          for (const node of nodes.values()) expect(SETTLED).toContain(node.status);
        }
        expect(events.at(-1)).toMatchObject({ type: "run.finished", runId: run.runId });
        const of = (type: RunEvent["type"]) =>
          events
            .filter((e) => e.type === type)
            .map(({ runId }) => runId)
            .sort();
        expect(of("run.finished")).toEqual(of("run.started"));
      }),
      { numRuns: 300 },
    );
  });
});
