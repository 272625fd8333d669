import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Dag, Fsm, next, stream, type Context, type RunEvent, type RunOptions, type RunResult } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { sqliteSubject } from "../support/store-subjects.js";
import { sleep, turns } from "../support/waiting.js";

/** What the function of a node, or of an item, does. */
interface Act {
  /** How many microtasks it takes. */
  readonly takes: number;
  /** How many calls of it fail first. */
  readonly failures: number;
}

type Way = Required<Pick<RunOptions, "mode" | "executor" | "errorStrategy" | "durability">>;

/** The run was aborted before it began to continue, and the next attempt came before it was released. */
const UNBEGUN = ["CANCELLED", "LEASE_HELD"];

const DONE: Act = { takes: 0, failures: 0 };

/** All functions of one random case, over all of its attempts. */
class Effects {
  /** How often each function was called, by its place: the run, the node, and the item. */
  private readonly calls = new Map<string, number>();
  /** The places that have a result, which is in the record. */
  private readonly recorded = new Set<string>();
  /** Called again, although they had a result. */
  readonly repeated: string[] = [];
  running = 0;

  constructor(private readonly acts: readonly Act[]) {}

  /** @param isStreaming - whether the node runs anew together with others, after a failure of any */
  async perform({ runId, nodeName, item }: Context, isStreaming = false): Promise<void> {
    const place = placeOf(runId, nodeName, item?.key);
    const call = (this.calls.get(place) ?? 0) + 1;
    this.calls.set(place, call);
    if (this.recorded.has(place) && !isStreaming) this.repeated.push(place);
    const { takes, failures } = this.actOf(place);
    this.running++;
    await turns(takes);
    this.running--;
    if (call <= failures) throw new Error(`${place} fails`);
  }

  private actOf(place: string): Act {
    if (this.acts.length === 0) return DONE;
    const sum = Array.from(place.slice(place.indexOf("/") + 1)).reduce((n, c) => (n * 31 + c.charCodeAt(0)) % 9973, 7);
    return this.acts[sum % this.acts.length];
  }

  observe(event: RunEvent): void {
    if (event.type === "node.completed") this.recorded.add(placeOf(event.runId, event.node));
    else if (event.type === "item.completed") this.recorded.add(placeOf(event.runId, event.node, event.key));
  }
}

const placeOf = (runId: string, node: string, key?: unknown) =>
  key === undefined ? `${runId}/${node}` : `${runId}/${node}[${key as string | number}]`;

/** A dag of maps, streams, machines and workflows, in nodes, items and calls. */
function everything(effects: Effects, count: number): Dag<any> {
  const child = new Dag<any>("child");
  child.node("one", (n: number, ctx: Context) => effects.perform(ctx).then(() => n + 1));
  child.node("two", { needs: ["one"] }, (one: number, ctx: Context) => effects.perform(ctx).then(() => one * 2));

  const machine = new Fsm<any>("machine");
  machine.state("begin", { initial: true }, () => next("work", count));
  machine.state("work", { terminal: true }, child);

  const feed = new Dag<any>("feed");
  feed.node("rows", async function* (ctx: Context) {
    for (let i = 0; i < count; i++) {
      await effects.perform(ctx, true);
      yield i;
    }
  });

  const dag = new Dag<any>("everything");
  const list = dag.node("list", () => Array.from({ length: count }, (_, i) => i));
  dag.map("functions", { needs: [list] }, (i, ctx) => effects.perform(ctx).then(() => i * 3));
  dag.map("workflows", { needs: [list], concurrency: 2 }, child);
  dag.map("calls", { needs: [list] }, async (i, ctx) => (await ctx.run(child, { inputs: { n: i } })).value);
  dag.map("nested", { needs: [list] }, nestedIn(child));
  dag.node("machine", machine);
  dag.node("calling", async (ctx: Context) => {
    const runs = [];
    for (const key of ["a", "b"]) runs.push(await ctx.run(child, { inputs: { n: key.length }, key }));
    await effects.perform(ctx);
    return runs.map(({ value }) => value);
  });
  dag.node("feed", feed);
  dag.map("mapped", { needs: [stream("feed")] } as never, (i: number, ctx: Context) =>
    effects.perform(ctx, true).then(() => i + 10),
  );
  dag.node("sum", { needs: [stream("mapped")] }, async (items: AsyncIterable<number>, ctx: Context) => {
    let sum = 0;
    for await (const item of items) sum += item;
    await effects.perform(ctx, true);
    return sum;
  });
  dag.node("last", { needs: ["functions", "workflows", "calls", "nested", "machine", "calling", "sum"] }, (...all) => {
    return all.slice(0, 7);
  });
  return dag;
}

function nestedIn(child: Dag<any>): Dag<any> {
  const outer = new Dag<any>("outer");
  outer.node("n", { params: ["item"] }, (item: number) => item);
  outer.node("inner", { needs: ["n"] }, child);
  return outer;
}

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.record({ takes: fc.nat(4), failures: fc.constantFrom(0, 0, 0, 0, 0, 1, 2) }),
  { minLength: 1, maxLength: 20 },
);

const ways: fc.Arbitrary<Way> = fc.record({
  mode: fc.constantFrom("sequential", "async"),
  executor: fc.constantFrom("workQueue", "level", "reactive"),
  errorStrategy: fc.constantFrom("failFast", "continue"),
  durability: fc.constantFrom("strict", "relaxed"),
});

describe("A recorded run with maps, streams, machines and workflows in it", () => {
  let subject: Awaited<ReturnType<typeof sqliteSubject>>;
  let store: SqlStore;
  beforeAll(async () => {
    subject = await sqliteSubject();
    store = subject.open();
  });
  afterAll(async () => {
    await store.close();
    await subject.close();
  });

  it("gives what it gives undisturbed, whatever fails and whenever it is aborted, and calls nothing twice that completed", async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        acts,
        ways,
        fc.nat(3),
        fc.array(fc.nat(400), { maxLength: 4 }),
        async (list, way, count, aborts) => {
          const expected = (await everything(new Effects([]), count).run()).get("last") as unknown;
          const effects = new Effects(list);
          const dag = everything(effects, count);
          const runId = `run ${runs++}`;
          let result: RunResult<any> | undefined;
          for (let attempt = 0; result?.status !== "completed"; attempt++) {
            expect(attempt).toBeLessThan(200);
            const controller = new AbortController();
            const { mode, ...begun } = way;
            const options = { store, mode, signal: controller.signal, observers: [effects.observe.bind(effects)] };
            const ended = attempt === 0 ? dag.run({ ...options, ...begun, runId }) : dag.resume(runId, options);
            if (attempt < aborts.length) void turns(aborts[attempt]).then(() => controller.abort());
            result = await ended.catch((error: { run?: RunResult<any>; code?: string }) => {
              if (error.run === undefined && !UNBEGUN.includes(error.code ?? "")) throw error;
              return error.run;
            });
            if (result === undefined) {
              await sleep(2);
              continue;
            }
            expect(effects.repeated).toEqual([]);
            expect(effects.running).toBe(0);
            expect((await store.getRun(runId))?.status).toBe(result.status);
          }
          expect(result.get("last")).toEqual(expected);
          for (let i = 0; i < count; i++) {
            expect(result.get(`workflows[${i}].one`)).toBe(i + 1);
            expect(result.get(`nested[${i}].inner.one`)).toBe(i + 1);
            expect(result.get(`calls[${i}][0].one`)).toBe(i + 1);
          }
          expect(result.child("calling", "b")?.value).toBe(4);
        },
      ),
      { numRuns: 20, seed: 17 },
    );
  });
});
