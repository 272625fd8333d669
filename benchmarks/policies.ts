/**
 * What does a node with a policy cost, next to the same function wrapped by hand with the library underneath?
 *
 * All functions are synchronous and succeed at once, but for the retry that is used. Also: a node with nothing switched on
 * next to one whose workflow has every policy on another node, which must cost it nothing.
 */
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import pRetry from "p-retry";
import { Dag, Scheduler, type NodeOptions, type RunOptions } from "dagwright";
import { expectSame, median, round, verdict } from "./measure.js";

const CALLS = 20_000;
const work = async (x: number) => x + 1;

function dagOf(options: NodeOptions, fn: (x: number) => unknown = work): Dag {
  const dag = new Dag("policies");
  dag.node("work", { params: ["x"], ...options }, fn);
  return dag;
}

async function timeOf(call: () => unknown, calls = CALLS): Promise<number> {
  const ms = await median(
    async () => {
      for (let i = 0; i < calls; i++) await call();
    },
    7,
    2,
  );
  return (ms * 1e6) / calls;
}

const inputs = { x: 1 };
const run = async (dag: Dag, options: RunOptions = {}) => timeOf(() => dag.run({ inputs, ...options }));

expectSame((await dagOf({}).run({ inputs })).value, 2, "plain");
const plain = await run(dagOf({}));
console.log(
  `a run of one plain node: ${round(plain)} ns, its function awaited: ${round(await timeOf(() => work(1)))} ns`,
);

const cache = new LRUCache<string, { value: unknown }>({ max: 1000 });
const semaphore = { free: 1 };
const scheduler = new Scheduler();

/** The same, by hand: what the policy does when nothing goes wrong. */
const byHand: Record<string, () => unknown> = {
  "retry, not needed": () => pRetry(() => work(1), { retries: 2 }),
  timeout: async () => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 1000);
    try {
      return await work(1);
    } finally {
      clearTimeout(timer);
    }
  },
  fallback: () => work(1).catch(() => 0),
  "circuit breaker": async () => {
    let failures = 0;
    try {
      return await work(1);
    } catch (error) {
      failures++;
      throw error;
    } finally {
      void failures;
    }
  },
  "concurrency key": async () => {
    semaphore.free--;
    try {
      return await work(1);
    } finally {
      semaphore.free++;
    }
  },
  "cache hit": () => cache.get("key")?.value,
  "cache hit, with a hashed key": () =>
    cache.get(createHash("sha256").update(JSON.stringify(inputs)).digest("base64")) ?? work(1),
  scheduler: async () => {
    semaphore.free--;
    try {
      return await work(1);
    } finally {
      semaphore.free++;
    }
  },
};

const policies: Record<string, [NodeOptions, RunOptions?]> = {
  "retry, not needed": [{ retry: 2 }],
  timeout: [{ timeout: 1000 }],
  fallback: [{ fallback: 0 }],
  "circuit breaker": [{ circuitBreaker: {} }],
  "concurrency key": [{ concurrencyKey: { key: "bench" } }],
  throttle: [{ throttle: { limit: 1e9, interval: 1 } }],
  "cache hit": [{ cache: {} }],
  scheduler: [{}, { scheduler }],
};

cache.set("key", { value: 2 });
for (const [name, [options, runOptions]] of Object.entries(policies)) {
  const dag = dagOf(options);
  expectSame((await dag.run({ inputs, ...runOptions })).value, 2, name);
  const ns = await run(dag, runOptions);
  const hand = name in byHand ? await timeOf(byHand[name]) : undefined;
  const peer = hand === undefined ? "" : `, by hand ${round(hand)} ns, ratio ${round(ns / hand)}`;
  console.log(`${name}: ${round(ns)} ns a run, ${round(ns - plain)} ns more than plain${peer}`);
}

let failures = 0;
const failsOnce = () => {
  if (failures++ % 2 === 0) throw new Error("no");
  return 2;
};
const retried = await timeOf(() => dagOf({ retry: { retries: 1, delay: 0 } }, failsOnce).run({ inputs }), 500);
const retriedByHand = await timeOf(() => pRetry(failsOnce, { retries: 1, minTimeout: 0 }), 500);
console.log(
  `a retry: ${round(retried / 1000)} µs, p-retry ${round(retriedByHand / 1000)} µs, ratio ${round(retried / retriedByHand)}`,
);

const hits = dagOf({ cache: {} }, (x) => x + 1);
hits.runSync({ inputs });
const hit = await timeOf(() => hits.runSync({ inputs }), 100_000);
const get = await timeOf(() => cache.get("key"), 100_000);
console.log(
  `a cache hit in runSync: ${round(hit)} ns, a bare lru-cache get ${round(get)} ns, ratio ${round(hit / get)}`,
);

/** 100 plain nodes, and with `extra` one more that has every policy. */
function chain(extra: boolean): Dag {
  const dag = new Dag("chain");
  dag.node("n0", () => 0);
  for (let i = 1; i < 100; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, (x: number) => x + 1);
  if (!extra) return dag.node("last", { needs: ["n99"] }, (x: number) => x) && dag;
  const limits = { throttle: { limit: 1e9, interval: 1 }, concurrencyKey: { key: "extra" } };
  dag.node(
    "last",
    { needs: ["n99"], retry: 1, timeout: 1000, fallback: 0, circuitBreaker: {}, ...limits },
    (x: number) => x,
  );
  return dag;
}
const [bare, mixed] = [chain(false), chain(true)];
expectSame(bare.runSync().value, 99, "bare");
expectSame(mixed.runSync().value, 99, "mixed");
const ratios: number[] = [];
for (let i = 0; i < 9; i++) {
  const a = await timeOf(() => bare.runSync(), 500);
  ratios.push((await timeOf(() => mixed.runSync(), 500)) / a);
}
console.log(`100 plain nodes and one with all policies / 101 plain nodes: ${round(ratios.sort((a, b) => a - b)[4])}`);
void verdict;
