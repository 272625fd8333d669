/**
 * What does a run of a small, warm dag cost, compared to five awaits written by hand?
 *
 * A chain of five nodes, with synchronous and with asynchronous functions, without options and in mode `async`. The
 * contenders take turns in short batches, so that a busy moment slows all of them.
 */
import { Dag } from "dagwright";
import { expectSame, round, verdict } from "./measure.js";

const BATCH = 1000;
const ROUNDS = 600;
const start = () => 1;
const next = (x: number) => x + 1;
const startAsync = async () => 1;
const nextAsync = async (x: number) => x + 1;

function chain(first: () => unknown, then: (x: number) => unknown): Dag {
  const dag = new Dag("five");
  dag.node("n0", first);
  for (let i = 1; i < 5; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, then);
  return dag;
}

async function byHand(first: () => number | Promise<number>, then: (x: number) => number | Promise<number>) {
  const a = await first();
  const b = await then(a);
  const c = await then(b);
  const d = await then(c);
  const e = await then(d);
  return e;
}

for (const [name, first, then] of [
  ["synchronous functions", start, next],
  ["asynchronous functions", startAsync, nextAsync],
] as const) {
  const dag = chain(first, then);
  expectSame((await dag.run({ mode: "async" })).value, 5, "run");
  expectSame(await byHand(first, then), 5, "by hand");
  const contenders: Record<string, () => Promise<unknown>> = {
    "five awaits": () => byHand(first, then),
    "run()": () => dag.run(),
    'run({ mode: "async" })': () => dag.run({ mode: "async" }),
  };
  const times = Object.values(contenders).map((): number[] => []);
  for (let i = -100; i < ROUNDS; i++) {
    for (const [which, contender] of Object.values(contenders).entries()) {
      const began = performance.now();
      for (let k = 0; k < BATCH; k++) await contender();
      if (i >= 0) times[which].push(((performance.now() - began) * 1e6) / BATCH);
    }
  }
  const [hand, ...ours] = times.map((list) => list.sort((a, b) => a - b)[ROUNDS >> 1]);
  console.log(`five awaits, ${name}: ${round(hand)} ns`);
  for (const [i, label] of Object.keys(contenders).slice(1).entries()) {
    verdict(`${label} of 5 warm nodes, ${round(ours[i])} ns / five awaits, ${name}`, ours[i] / hand, "≤", 3);
  }
}
