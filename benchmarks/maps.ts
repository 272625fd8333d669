/**
 * What does an item of a map cost, compared to p-map?
 *
 * Maps 100,000 items in mode `async`: synchronous and asynchronous functions, with and without a limit, over an array, a
 * `Map` and a record, with retries, and with a workflow instead of a function. The peer calls the same function, for retries
 * through p-retry and for workflows through `run`. A plain loop is measured for comparison.
 */
import { Dag } from "dagwright";
import pMap from "p-map";
import pRetry from "p-retry";
import { round, takeTurns, verdict } from "./measure.js";
import { sum } from "./shapes.js";

const ITEMS = 100_000;
const SUM = (ITEMS * (ITEMS + 1)) / 2;
const numbers = Array.from({ length: ITEMS }, (_, i) => i);

type Mapper = (item: number) => number | Promise<number>;

const plus = (item: number) => item + 1;
const plusAsync = async (item: number) => item + 1;
const plusLater = async (item: number) => {
  await Promise.resolve();
  return item + 1;
};
const plusInTurn = (item: number) => new Promise<number>((resolve) => setImmediate(() => resolve(item + 1)));

/** Runs a map of a collection. Returns its result. */
function mapping<C>(collection: C, options: object, fn: Mapper | Dag): () => Promise<C> {
  const dag = new Dag<any>("maps");
  const items = dag.node("items", () => collection);
  dag.map("map", { needs: [items], ...options } as never, fn as never);
  dag.validateOrThrow();
  return async () => (await dag.run({ mode: "async" })).get("map") as C;
}

const nsAnItem = (ms: number, items = ITEMS) => `${round((ms * 1e6) / items)} ns`;

// --- a function ---

for (const [shape, fn, concurrency, target] of [
  ["synchronous functions", plus, Infinity, 0.3],
  ["synchronous functions", plus, 8, 0.3],
  ["functions that resolve at once", plusAsync, Infinity, 1.2],
  ["functions that resolve at once", plusAsync, 8, 1.2],
  ["functions that resolve at once", plusAsync, 1000, 1.2],
  ["functions that wait for a promise", plusLater, 8, 1.2],
  ["functions that wait for the next turn", plusInTurn, 8, 1.2],
  ["functions that wait for the next turn", plusInTurn, 1000, 1.2],
] as const) {
  const times = await takeTurns(
    {
      map: mapping<readonly number[]>(numbers, concurrency === Infinity ? {} : { concurrency }, fn),
      pMap: () => pMap(numbers, fn, { concurrency }),
      loop: async () => {
        const results: number[] = [];
        for (const item of numbers) results.push(await fn(item));
        return results;
      },
    },
    { rounds: 7, expected: SUM, answerOf: sum },
  );
  const costs = `${nsAnItem(times.map)} an item, a loop ${nsAnItem(times.loop)}`;
  verdict(`${shape}, concurrency ${concurrency}, ${costs}, map / p-map`, times.map / times.pMap, "≤", target);
}

// --- keyed collections ---

const keys = numbers.map((i) => `k${i}`);
const keyed = new Map(keys.map((key, i) => [key, i]));
const record = Object.fromEntries(keyed);
const keyedTimes = await takeTurns(
  {
    map: mapping(keyed, {}, plusAsync),
    pMap: async () => new Map(await pMap(keyed, async ([key, item]) => [key, await plusAsync(item)] as const)),
  },
  { rounds: 7, expected: SUM, answerOf: (results) => sum(results.values()) },
);
verdict(`a Map, ${nsAnItem(keyedTimes.map)} an item, map / p-map`, keyedTimes.map / keyedTimes.pMap, "≤", 1.2);
const recordTimes = await takeTurns(
  {
    map: mapping(record, {}, plusAsync),
    pMap: async () => {
      const entries = await pMap(Object.entries(record), async ([key, item]) => [key, await plusAsync(item)] as const);
      return Object.fromEntries(entries);
    },
  },
  { rounds: 7, expected: SUM, answerOf: (results) => sum(Object.values(results)) },
);
verdict(`a record, ${nsAnItem(recordTimes.map)} an item, map / p-map`, recordTimes.map / recordTimes.pMap, "≤", 1.2);

// --- policies ---

const retryTimes = await takeTurns(
  {
    map: mapping<readonly number[]>(numbers, { concurrency: 8, retry: 2 }, plusAsync),
    pMap: () => pMap(numbers, (item) => pRetry(() => plusAsync(item), { retries: 2 }), { concurrency: 8 }),
  },
  { rounds: 7, expected: SUM, answerOf: sum },
);
const retryCost = nsAnItem(retryTimes.map);
verdict(`retry: 2, ${retryCost} an item, map / p-map with p-retry`, retryTimes.map / retryTimes.pMap, "≤", 1.2);

// --- workflows ---

const FEWER = 10_000;
const few = numbers.slice(0, FEWER);
const child = new Dag<any>("child");
child.node("plus", { params: ["x"] }, plusAsync);
const childTimes = await takeTurns(
  {
    map: mapping<readonly number[]>(few, { concurrency: 8 }, child),
    pMap: () =>
      pMap(few, async (x) => (await child.run({ mode: "async", inputs: { x } })).value as number, { concurrency: 8 }),
    fn: mapping<readonly number[]>(few, { concurrency: 8 }, plusAsync),
  },
  { rounds: 7, expected: (FEWER * (FEWER + 1)) / 2, answerOf: sum },
);
const runs = `p-map of runs ${nsAnItem(childTimes.pMap, FEWER)}`;
console.log(`a workflow of one node, ${nsAnItem(childTimes.map, FEWER)} an item, ${runs}`);
const more = (childTimes.map - childTimes.fn) / FEWER;
verdict("a workflow of one node instead of its function, µs more an item", more * 1000, "≤", 2);

// --- in sequence ---

const inSequence = new Dag<any>("sequence");
inSequence.map("map", { needs: [inSequence.node("items", () => numbers)] } as never, plusAsync as never);
const { map } = await takeTurns(
  { map: async () => (await inSequence.run()).get("map") as readonly number[] },
  { rounds: 7, expected: SUM, answerOf: sum },
);
console.log(`mode "sequential", functions that resolve at once: ${nsAnItem(map)} an item`);
