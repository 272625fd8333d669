import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { Dag, Scheduler, type ExecutorName, type NodeOptions, type RunOptions } from "dagwright";
import { pass, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

const behaviours = [
  "returns",
  "throws",
  "sleeps",
  "rejects late",
  "never settles",
  "hangs in a hook",
  "throws in a hook",
];

const policies = fc.record({
  retry: fc.option(fc.record({ retries: fc.nat(2), delay: fc.nat(20) }), { nil: undefined }),
  timeout: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
  inputsTimeout: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
  fallback: fc.option(
    fc.constantFrom(1, () => sleep(5)),
    { nil: undefined },
  ),
  cache: fc.option(fc.constant({ ttl: 100 }), { nil: undefined }),
  circuitBreaker: fc.option(fc.constant({ failureThreshold: 2, resetAfter: 30 }), { nil: undefined }),
  throttle: fc.option(fc.constant({ limit: 2, interval: 20, key: "leaks" }), { nil: undefined }),
  concurrencyKey: fc.option(fc.constant({ key: "leaks", limit: 1 }), { nil: undefined }),
  priority: fc.constantFrom("high" as const, "low" as const),
});

const nodes = fc.array(
  fc.record({
    behaviour: fc.constantFrom(...behaviours),
    needs: fc.array(fc.nat(), { maxLength: 2 }),
    options: policies,
  }),
  { minLength: 1, maxLength: 6 },
);

function build(list: { behaviour: string; needs: number[]; options: NodeOptions }[]): Dag {
  const dag = new Dag("leaks");
  list.forEach(({ behaviour, needs, options }, i) => {
    const after = i === 0 ? [] : needs.map((at) => `n${at % i}`);
    const hooks = {
      preExecute: () => {
        if (behaviour === "throws in a hook") throw new Error("hook");
        return behaviour === "hangs in a hook" ? new Promise(() => {}) : undefined;
      },
    };
    dag.node(`n${i}`, { ...options, after: Array.from(new Set(after)), hooks }, () => {
      if (behaviour === "throws") throw new Error("thrown");
      if (behaviour === "sleeps") return sleep(15);
      if (behaviour === "rejects late") return sleep(25).then(() => Promise.reject(new Error("late")));
      return behaviour === "never settles" ? new Promise(() => {}) : i;
    });
  });
  return dag;
}

it("Runs never hang, and release all permits, whatever their nodes do and whenever they are aborted", async () => {
  await fc.assert(
    fc.asyncProperty(
      nodes,
      fc.array(fc.nat(80), { minLength: 1, maxLength: 4 }),
      fc.constantFrom<ExecutorName>("workQueue", "level", "reactive"),
      fc.constantFrom<RunOptions["errorStrategy"]>("failFast", "continue", "continueNone"),
      fc.integer({ min: 1, max: 3 }),
      async (list, aborts, executor, errorStrategy, slots) => {
        const dag = build(list);
        const scheduler = new Scheduler({ maxConcurrency: slots, maxQueueSize: 4 });
        const settled = aborts.map((at) => {
          const controller = new AbortController();
          setTimeout(() => controller.abort("fuzz"), at);
          const { signal } = controller;
          const run = dag.run({ mode: "async", executor, errorStrategy, scheduler, signal });
          return run.then(
            () => true,
            () => true,
          );
        });
        await pass(500);
        expect(await Promise.race([Promise.all(settled), pass(500).then(() => "hangs")])).not.toBe("hangs");
        expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
        const check = new Dag("check");
        check.node("free", { concurrencyKey: { key: "leaks", limit: 1 } }, () => "free");
        expect((await check.run()).value).toBe("free");
        expect((await check.run({ scheduler })).value).toBe("free");
        await scheduler.close();
        expect(vi.getTimerCount()).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});
