import { afterAll, describe, expect, it } from "vitest";
import { Dag, route, ThreadPool } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { routed } from "../support/routed.js";

const pool = new ThreadPool({ maxWorkers: 2 });
afterAll(() => pool.close());

describe("Routes and decisions", () => {
  it("go to threads and back, at any depth, and stay what they are", async () => {
    const run = await routed.run({ mode: "parallel", pool });
    expect(run.nodes.get("pick")?.backend).toBe("thread");
    expect(run.get("pick")).toStrictEqual(route("email", 1));
    expect(run.get("sent")).toEqual(["email", 1, false]);
    expect(run.get("all")).toEqual([
      ["email", 1, false],
      ["post", 2, false],
      ["email", 3, false],
    ]);
    expect(run.get("seen")).toEqual({
      kinds: ["Route, there", "Route, there", "Decision, there", "Route, there"],
      same: [true, true, true, true],
    });
    const { all } = run.get("list") as { all: unknown[] };
    expect(all).toStrictEqual([route("email", { n: 1 }), route("post", route("email", { n: 1 })), all[0]]);
    expect(run.context.metadata.last).toStrictEqual(route("post", 3));
  });

  it("choose branches where they are the result of a fork on a thread", async () => {
    const run = await routed.run({ mode: "async", pool });
    expect(run.nodes.get("select")?.backend).toBe("thread");
    expect(run.get("onB")).toEqual(["b", false]);
    expect(run.get("bad")).toEqual(["bad", false]);
    expect(run.nodes.get("ok")?.status).toBe("skipped");
  });

  it("are cached and recorded as what they are", async () => {
    const store = sqliteStore(":memory:");
    for (const cache of [{ ttl: 60_000 }, { ttl: 60_000, store: store.cache }]) {
      let calls = 0;
      const dag = new Dag<any>("kept");
      dag.node("routes", { cache }, () => (calls++, [route("a", { n: 1 }), { then: route("b", 2) }]));
      dag.node("same", { needs: ["routes"] }, (routes: unknown) => routes);
      for (let i = 0; i < 2; i++) {
        const { runId } = await dag.run({ store });
        const again = await dag.resume(runId, { store });
        expect(again.get("same")).toStrictEqual([route("a", { n: 1 }), { then: route("b", 2) }]);
      }
      expect(calls).toBe(1);
    }
    await store.close();
  });
});
