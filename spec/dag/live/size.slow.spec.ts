import { describe, expect, it } from "vitest";
import { Dag, type NodeHandle } from "dagwright";
import { cpuTime } from "../../support/cpu-time.js";

describe("A live dag", () => {
  it("of a chain of 10,000 nodes is kept up to date", async () => {
    const dag = new Dag("chain");
    let last: NodeHandle<number> = dag.node("n0", (n: number) => n);
    for (let i = 1; i < 10_000; i++) last = dag.node(`n${i}`, { needs: [last] }, (n: number) => n + 1);
    await using live = dag.live({ inputs: { n: 0 } });
    for (let n = 0; n < 5; n++) {
      live.set("n", n);
      await live.settled();
      expect(live.get(last)).toBe(n + 9999);
    }
  });

  it("of 100,000 nodes computes only what a change concerns", async () => {
    const dag = new Dag("wide");
    let calls = 0;
    for (let i = 0; i < 50_000; i++) {
      const name = `first ${i}`;
      dag.node(name, { params: [`input ${i % 1000}`] }, (n: number) => {
        calls++;
        return n + i;
      });
      dag.node(`second ${i}`, { needs: [name] }, (n: number) => {
        calls++;
        return n * 2;
      });
    }
    const inputs = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`input ${i}`, 0]));
    await using live = dag.live({ inputs });
    await live.settled();
    expect(calls).toBe(100_000);
    calls = 0;
    const parts = await cpuTime(1, async () => {
      for (let i = 0; i < 1000; i++) {
        live.set(`input ${i}`, 1);
        await live.settled();
      }
    });
    expect(calls).toBe(100_000);
    expect(live.get("second 49999")).toBe(100_000);
    // A change of everything takes as long as its nodes, not a thousand times as long as a change of a thousandth.
    const all = await cpuTime(1, () => {
      live.set(Object.fromEntries(Object.keys(inputs).map((name) => [name, 2])));
      return live.settled();
    });
    expect(parts / 1000).toBeLessThan(all / 10);
  });

  it("of a node with 20,000 needs computes it once a change", async () => {
    const dag = new Dag("fan-in");
    let calls = 0;
    const needs = Array.from({ length: 20_000 }, (_, i) => dag.node(`n${i}`, { params: ["n"] }, (n: number) => n + i));
    dag.all("sum", { needs, params: ["values"] }, (values: Record<string, number>) => {
      calls++;
      return Object.keys(values).length + values.n1;
    });
    await using live = dag.live({ inputs: { n: 0 } });
    await live.settled();
    live.set("n", 5);
    await live.settled();
    expect([live.get("sum"), calls]).toEqual([20_006, 2]);
  });
});
