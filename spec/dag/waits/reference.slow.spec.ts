import fc from "fast-check";
import { expect, it } from "vitest";
import { Dag } from "dagwright";
import { sqliteStore } from "dagwright/store";

/** A node of a random dag: a function, one with a delay, or one that waits for an event. */
interface RandomNode {
  readonly kind: "plain" | "delay" | "event";
  /** The earlier nodes that it needs. */
  readonly needs: readonly number[];
}

const dags = fc
  .array(
    fc.record({
      kind: fc.constantFrom("plain", "delay", "event" as const),
      from: fc.array(fc.nat(), { maxLength: 3 }),
    }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((list): RandomNode[] =>
    list.map(({ kind, from }, i) => ({
      kind: kind as RandomNode["kind"],
      needs: i === 0 ? [] : Array.from(new Set(from.map((k) => k % i))),
    })),
  );

function build(nodes: readonly RandomNode[], calls: string[]): Dag<any> {
  const dag = new Dag<any>("random");
  nodes.forEach(({ kind, needs }, i) => {
    const name = `n${i}`;
    const fn = (...args: unknown[]) => {
      calls.push(name);
      return JSON.stringify([name, ...args.slice(0, needs.length + (kind === "event" ? 1 : 0))]);
    };
    const options = { needs: needs.map((k) => `n${k}`), params: names(needs.length + (kind === "event" ? 1 : 0)) };
    if (kind === "event") dag.event(name, options, fn);
    else dag.node(name, kind === "delay" ? { ...options, delay: 3 } : options, fn);
  });
  return dag;
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `p${i}`);

/** The results, whatever the order of events. */
function expected(nodes: readonly RandomNode[]): Record<string, string> {
  const results: string[] = [];
  nodes.forEach(({ kind, needs }, i) => {
    const args = needs.map((k) => results[k]);
    results.push(JSON.stringify([`n${i}`, ...(kind === "event" ? [`payload ${i}`, ...args] : args)]));
  });
  return Object.fromEntries(results.map((result, i) => [`n${i}`, result]));
}

it("Random dags with delays and events, sent in any order and interrupted anywhere, give what a reference gives", async () => {
  const scenario = fc.record({
    nodes: dags,
    order: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
    interruptions: fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
    sendsEarly: fc.boolean(),
    mode: fc.constantFrom("sequential", "async" as const),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ nodes, order, interruptions, sendsEarly, mode }) => {
      const calls: string[] = [];
      const dag = build(nodes, calls);
      const store = sqliteStore(":memory:");
      const events = nodes.flatMap(({ kind }, i) => (kind === "event" ? [i] : []));
      const pending = events
        .map((i, k) => [order[k % 8], i] as const)
        .sort(([a], [b]) => a - b)
        .map(([, i]) => i);
      const send = async () => {
        const i = pending.shift();
        if (i !== undefined) await dag.send("r", `n${i}`, `payload ${i}`, { store, key: `key ${i}` });
      };
      let run = await dag.run({ store, runId: "r", detach: true, mode: mode as "async" });
      if (sendsEarly) while (pending.length > 0) await send();
      for (let turn = 0; run.status === "waiting"; turn++) {
        expect(turn).toBeLessThan(200);
        await send();
        if (interruptions[turn % 30]) {
          const controller = new AbortController();
          const { signal } = controller;
          const cut = dag.resume("r", { store, detach: true, mode: mode as "async", signal }).catch(() => {});
          await new Promise((done) => setTimeout(done, turn % 3));
          controller.abort();
          await cut;
        }
        run = await dag.resume("r", { store, detach: true, mode: mode as "async" });
        if (run.status === "waiting") await new Promise((done) => setTimeout(done, 1));
      }
      expect(run.status).toBe("completed");
      expect({ ...run.results }).toEqual(expected(nodes));
      expect(new Set(calls).size).toBe(nodes.length);
      await store.close();
    }),
    { numRuns: 60 },
  );
});
