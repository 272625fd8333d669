/**
 * What does a node with a policy cost, compared to the same function wrapped by hand?
 *
 * The function is asynchronous and succeeds at once, except for the retry. Most of each measurement is the run around the
 * node, so it also prints the difference to a plain node. Finally, a node with every policy must not slow down the plain
 * nodes of its workflow.
 */
import { isDeepStrictEqual } from "node:util";
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
  `a run of one plain node: ${round(plain)} ns, awaiting its function: ${round(await timeOf(() => work(1)))} ns`,
);

const cache = new LRUCache<string, { value: unknown }>({ max: 1000 });
const semaphore = { free: 1 };
const bucket = { tokens: 1e9, filledAt: performance.now() };
const breaker = { failures: 0, openUntil: 0 };
const scheduler = new Scheduler();

/** What each policy does when nothing goes wrong, by hand. */
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
    if (breaker.openUntil > performance.now()) throw new Error("open");
    try {
      const result = await work(1);
      breaker.failures = 0;
      return result;
    } catch (error) {
      if (++breaker.failures === 5) breaker.openUntil = performance.now() + 30_000;
      throw error;
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
  throttle: () => {
    const time = performance.now();
    bucket.tokens = Math.min(1e9, bucket.tokens + (time - bucket.filledAt) * 1e9);
    bucket.filledAt = time;
    if (bucket.tokens-- < 1) throw new Error("empty");
    return work(1);
  },
  "cache hit": () => cache.get(JSON.stringify(inputs))?.value,
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
cache.set(JSON.stringify(inputs), { value: 2 });
for (const [name, [options, runOptions]] of Object.entries(policies)) {
  const dag = dagOf(options);
  expectSame((await dag.run({ inputs, ...runOptions })).value, 2, name);
  const ns = await run(dag, runOptions);
  const hand = await timeOf(byHand[name]);
  const peer = `by hand ${round(hand)} ns, ratio ${round(ns / hand)}`;
  console.log(`${name}: ${round(ns)} ns a run, ${round(ns - plain)} ns more than plain, ${peer}`);
}

let failures = 0;
const failsOnce = () => {
  if (failures++ % 2 === 0) throw new Error("no");
  return 2;
};
const retrying = dagOf({ retry: { retries: 1, delay: 0 } }, failsOnce);
const retried = await timeOf(() => retrying.run({ inputs }), 2000);
const retriedByHand = await timeOf(() => pRetry(failsOnce, { retries: 1, minTimeout: 0 }), 2000);
console.log(
  `a retry: ${round(retried)} ns a run, p-retry ${round(retriedByHand)} ns, ratio ${round(retried / retriedByHand)}`,
);

const hits = dagOf({ cache: {} }, (x) => x + 1);
hits.runSync({ inputs });
const hit = await timeOf(() => hits.runSync({ inputs }), 100_000);
const get = await timeOf(() => cache.get("key"), 100_000);
console.log(
  `a cache hit in runSync: ${round(hit)} ns, a bare lru-cache get ${round(get)} ns, ratio ${round(hit / get)}`,
);

class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
}
const records = (count: number) => Array.from({ length: count }, (_, id) => ({ id, name: `n${id}`, ok: true }));
/** Cached results, of which readers get copies, and how many calls measure each. */
const results: Record<string, [unknown, number]> = {
  "a number": [2, 100_000],
  "a record": [{ id: 1, name: "a", ok: true }, 50_000],
  "10,000 numbers": [Array.from({ length: 10_000 }, (_, i) => i), 1000],
  "10,000 records": [records(10_000), 20],
  "1,000 instances": [Array.from({ length: 1000 }, (_, i) => new Point(i, i)), 200],
  "a Buffer of 1 MiB": [Buffer.alloc(1 << 20), 200],
};
for (const [name, [value, calls]] of Object.entries(results)) {
  const [copied, shared] = [dagOf({ cache: {} }, () => value), dagOf({ cache: { clone: false } }, () => value)];
  for (const dag of [copied, shared]) dag.runSync({ inputs });
  expectSame(isDeepStrictEqual(copied.runSync({ inputs }).value, value), true, name);
  expectSame(shared.runSync({ inputs }).value, value, name);
  const [copy, share, clone] = [
    await timeOf(() => copied.runSync({ inputs }), calls),
    await timeOf(() => shared.runSync({ inputs }), calls),
    await timeOf(() => structuredClone(value), calls),
  ];
  const peer = `structuredClone alone ${round(clone)} ns, ratio ${round((copy - share) / clone)}`;
  console.log(
    `a cache hit of ${name}: ${round(copy)} ns, ${round(copy - share)} ns more than with clone: false, ${peer}`,
  );
}

/** A chain of 5,000 plain nodes; with `hasPolicies`, the last one has every policy. */
function chain({ hasPolicies }: { readonly hasPolicies: boolean }): Dag {
  const dag = new Dag("chain");
  const limits = { throttle: { limit: 1e9, interval: 1 }, concurrencyKey: { key: "chain" } };
  const everything = { retry: 1, timeout: 1000, fallback: 0, circuitBreaker: {}, ...limits };
  dag.node("n0", () => 0);
  for (let i = 1; i < 5000; i++) {
    const options = { needs: [`n${i - 1}`], ...(hasPolicies && i === 4999 ? everything : {}) };
    dag.node(`n${i}`, options, (x: number) => x + 1);
  }
  return dag;
}
const [bare, mixed] = [chain({ hasPolicies: false }), chain({ hasPolicies: true })];
expectSame(bare.runSync().value, 4999, "bare");
expectSame(mixed.runSync().value, 4999, "mixed");
const times = { bare: [] as number[], mixed: [] as number[] };
for (let i = 0; i < 15; i++) {
  times.bare.push(await timeOf(() => bare.runSync(), 20));
  times.mixed.push(await timeOf(() => mixed.runSync(), 20));
}
const ratio = Math.min(...times.mixed) / Math.min(...times.bare);
verdict("5,000 nodes, one with every policy / 5,000 plain nodes", ratio, "≤", 1.05);
