import { Dag, Fsm, next, stop } from "dagwright";
import { sqliteStore, type SqlStore } from "dagwright/store";
import { recordedRun } from "dagwright/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

let store: SqlStore;
beforeEach(() => void (store = sqliteStore(":memory:")));
afterEach(() => store.close());

/** Prices an order; the functions count their calls. */
function pricing(rate = 2) {
  const calls: string[] = [];
  const note = <T>(name: string, value: T) => (calls.push(name), value);
  const dag = new Dag("pricing");
  dag.node("fetch", (n: number) => note("fetch", [n, n + 1]));
  dag.node("price", { needs: ["fetch"] }, (items: number[]) =>
    note(
      "price",
      items.map((item) => item * rate),
    ),
  );
  dag.condition("isLarge", { needs: ["price"] }, (prices: number[]) => note("isLarge", prices[0] > 10));
  dag.node("ship", { needs: ["isLarge.true"] }, (prices: number[]) => note("ship", `ship ${prices}`));
  dag.node("post", { needs: ["isLarge.false"] }, (prices: number[]) => note("post", `post ${prices}`));
  return { dag, calls };
}

it("gives recorded results for all nodes but those that run again", async () => {
  const { runId } = await pricing().dag.run({ store, inputs: { n: 1 } });
  const { dag, calls } = pricing(3);
  const run = await recordedRun(store, runId).run(dag, { rerun: ["price", "post"] });
  expect(calls).toEqual(["price", "post"]);
  expect(run.results).toMatchObject({ fetch: [1, 2], price: [3, 6] });
  expect(run.get("post")).toBe("post 2,4");
  expect(run.nodes.get("ship")?.status).toBe("skipped");
  const none = await recordedRun(store, runId).run(pricing().dag);
  expect([none.value, none.runId === runId]).toEqual(["post 2,4", false]);
  expect((await store.listRuns()).runs).toHaveLength(1);
});

it("says so when a node is wanted that has no recorded result", async () => {
  const { runId } = await pricing().dag.run({ store, inputs: { n: 1 } });
  const rerun = recordedRun(store, runId).run(pricing(100).dag, { rerun: ["price", "isLarge"] });
  await expect(rerun).rejects.toThrow(/node "ship" has no result in the recorded run .* List it in "rerun"/u);
  const whole = await recordedRun(store, runId).run(pricing(100).dag, { rerun: ["price", "isLarge", "ship"] });
  expect(whole.value).toBe("ship 100,200");
  const other = await recordedRun(store, runId).run(pricing().dag, { rerun: ["fetch"], inputs: { n: 5 } });
  expect(other.get("fetch")).toEqual([5, 6]);
});

it("leads the states of an fsm on as they were recorded", async () => {
  const make = (calls: string[]) => {
    const fsm = new Fsm<any>("loop");
    fsm.state("count", { initial: true, to: ["count", "end"] }, (n: number) => {
      calls.push(`count ${n}`);
      return next(n < 2 ? "count" : "end", n + 1);
    });
    fsm.state("end", (n: number) => (calls.push(`end ${n}`), stop(n * 10)));
    return fsm;
  };
  const { runId, stateHistory } = await make([]).run({ store, inputs: { n: 0 } });
  const calls: string[] = [];
  const run = await recordedRun(store, runId).run(make(calls), { rerun: ["end"] });
  expect([calls, run.value, run.stateHistory]).toEqual([["end 3"], 30, stateHistory]);
  const loops = new Fsm<any>("loop");
  loops.state("count", { initial: true }, (n: number) => stop(n));
  loops.state("end", () => next("count", 1));
  await expect(recordedRun(store, runId).run(loops, { rerun: ["end"] })).rejects.toThrow('state "count" has no result');
});

it("refuses what is no store, run or node", async () => {
  expect(() => recordedRun({} as never, "a")).toThrow('"store" must be a store');
  expect(() => recordedRun(store, "")).toThrow("runId");
  await expect(recordedRun(store, "none").run(pricing().dag)).rejects.toMatchObject({ code: "NOT_FOUND" });
  const { runId } = await pricing().dag.run({ store, inputs: { n: 1 } });
  const fixture = recordedRun(store, runId);
  await expect(fixture.run(pricing().dag, { rerun: ["prise"] })).rejects.toThrow('Did you mean "price"?');
  await expect(fixture.run(pricing().dag, { rerun: "price" as never })).rejects.toThrow('"rerun" must be a list');
  await expect(fixture.run(pricing().dag, { store } as never)).rejects.toThrow('Unknown option "store"');
});
