/**
 * What does a run of a small, warm dag cost, next to five awaits written by hand?
 *
 * A chain of five nodes, with synchronous and with asynchronous functions, in both modes of the event loop.
 */
import { Dag } from "dagwright";
import { expectSame, median, round, verdict } from "./measure.js";

const CALLS = 200_000;
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
  return then(d);
}

for (const [name, first, then] of [
  ["synchronous functions", start, next],
  ["asynchronous functions", startAsync, nextAsync],
] as const) {
  const dag = chain(first, then);
  expectSame((await dag.run({ mode: "async" })).value, 5, "run");
  expectSame(await byHand(first, then), 5, "by hand");
  const hand = await median(
    async () => {
      for (let i = 0; i < CALLS; i++) await byHand(first, then);
    },
    7,
    2,
  );
  for (const mode of ["sequential", "async"] as const) {
    const ours = await median(
      async () => {
        for (let i = 0; i < CALLS; i++) await dag.run({ mode });
      },
      7,
      2,
    );
    console.log(`${name}: ${mode} ${round((ours * 1e6) / CALLS)} ns, five awaits ${round((hand * 1e6) / CALLS)} ns`);
    verdict(`warm 5-node run, mode ${mode} / five awaits, ${name}`, ours / hand, "≤", 3);
  }
}
