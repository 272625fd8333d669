/**
 * How much do worker threads gain, and what do they cost?
 *
 * Compares eight CPU-bound nodes in mode `parallel` to `sequential`; an empty node, and 1,000 of them, to the same calls of
 * raw piscina; and 8 MiB made by one node and changed by the next to raw piscina transferring them. Also measures the time
 * to the first result of a cold pool. Contenders take turns, and their answers are checked.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Dag, ThreadPool, type RunOptions } from "dagwright";
import { Piscina } from "piscina";
import { compare, expectSame, round, verdict } from "./measure.js";

const work = () => {
  let x = 1;
  for (let i = 0; i < 60_000_000; i++) x = (x * 48_271) % 2_147_483_647;
  return x;
};
const heavy = new Dag("heavy");
for (let i = 0; i < 8; i++) heavy.node(`n${i}`, work);
const one = new Dag("one");
one.node("n", () => 1);
const thousand = new Dag("thousand");
for (let i = 0; i < 1000; i++) thousand.node(`n${i}`, () => 1);
const large = new Dag("large");
large.node("make", () => new Float64Array(1 << 20));
large.node("touch", { needs: ["make"] }, (array: Float64Array) => {
  array[0]++;
  return array;
});

const cores = availableParallelism();
const pool = new ThreadPool({ maxWorkers: cores });
const parallel: RunOptions = { mode: "parallel", pool };

const began = performance.now();
await one.run(parallel);
console.log(`first result of a cold pool: ${round(performance.now() - began)} ms`);

// Workers import this module up to its first run, so they make no piscina of their own.
const filename = fileURLToPath(new URL("raw-worker.js", import.meta.url));
const raw = new Piscina({ filename, minThreads: cores, maxThreads: cores, idleTimeout: 60_000 });

const sequential = await heavy.run();
const threaded = await heavy.run(parallel);
expectSame(JSON.stringify(threaded.results), JSON.stringify(sequential.results), "heavy");
const speedup = await compare(
  2,
  () => heavy.run(),
  () => heavy.run(parallel),
);
verdict(`8 CPU-bound nodes, sequential / parallel on ${cores} cores`, speedup.ratio, "≥", 0.92 * Math.min(cores, 4));

expectSame((await one.run(parallel)).value, await raw.run(1, { name: "empty" }), "empty");
const empty = await compare(
  3000,
  () => one.run(parallel),
  () => raw.run(1, { name: "empty" }),
);
console.log(`an empty node: ${round(empty.ours * 1000)} µs, raw piscina ${round(empty.theirs * 1000)} µs`);
verdict("an empty node, run / raw piscina", empty.ratio, "≤", 1.25);

const batch = await compare(
  15,
  () => thousand.run(parallel),
  () => Promise.all(Array.from({ length: 1000 }, () => raw.run(1, { name: "empty" }) as Promise<number>)),
);
console.log(`1,000 empty nodes: ${round(batch.ours)} ms, raw piscina ${round(batch.theirs)} ms`);
verdict("1,000 empty nodes, run / raw piscina", batch.ratio, "≤", 1.15);

const handedOn: RunOptions = { ...parallel, retain: "outputs" };
expectSame(((await large.run(handedOn)).value as Float64Array)[0], 1, "large");
const mebibytes = await compare(
  300,
  () => large.run(handedOn),
  async () => {
    const array = (await raw.run(undefined, { name: "make" })) as Float64Array;
    return raw.run(array, { name: "touch", transferList: [array.buffer] as never });
  },
);
console.log(`8 MiB made and changed: ${round(mebibytes.ours)} ms, raw piscina ${round(mebibytes.theirs)} ms`);
verdict("8 MiB made and changed, run / raw piscina", mebibytes.ratio, "≤", 1.2);

await raw.destroy();
await pool.close();
