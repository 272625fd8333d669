/**
 * What does the engine cost per node, compared to the same graph written by hand?
 *
 * Runs four shapes of 1k, 10k, 100k and 1M nodes whose functions do next to nothing, synchronous and asynchronous. Prints
 * the median ns a node, and ratios to the graph as promises (`Promise.all` of the needs, then the function), as a loop, and
 * in `async.auto` and `p-graph` (only at sizes that these can handle). Promises and loop trimmed to the shape are measured
 * for comparison, without a target. Every contender's answer is checked.
 */
import { auto } from "async";
import { Dag } from "dagwright";
import { PGraph } from "p-graph";
import { expectSame, median, round, verdict } from "./measure.js";
import { answer, compute, computeAsync, loop, shapes, sum, trimmedLoop, type Shape } from "./shapes.js";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const only = process.argv.slice(2).map(Number);

type Compute = (a?: number, b?: number, c?: number) => number | Promise<number>;

function build(shape: Shape, fn: Compute): Dag {
  const dag = new Dag("shape", { autowire: false });
  shape.forEach((needs, i) => dag.node(`n${i}`, { needs: needs.map((need) => `n${need}`) }, fn));
  return dag.validateOrThrow();
}

/** Any graph as promises: one rule for all nodes. */
async function promises(shape: Shape, fn: Compute): Promise<number> {
  const pending: Promise<number>[] = [];
  for (const needs of shape) pending.push(Promise.all(needs.map((need) => pending[need])).then((args) => fn(...args)));
  return sum(await Promise.all(pending));
}

/** Promises trimmed to the shape: `Promise.all` only for several needs, and no spread. */
async function trimmed(shape: Shape, fn: Compute): Promise<number> {
  const pending = new Array<Promise<number>>(shape.length);
  for (let i = 0; i < shape.length; i++) {
    const needs = shape[i];
    if (needs.length === 0) pending[i] = Promise.resolve().then(() => fn());
    else if (needs.length === 1) pending[i] = pending[needs[0]].then((a) => fn(a));
    else pending[i] = Promise.all(needs.map((need) => pending[need])).then(([a, b, c]) => fn(a, b, c));
  }
  return sum(await Promise.all(pending));
}

function asyncAuto(shape: Shape): Promise<number> {
  const tasks: Record<string, unknown> = {};
  shape.forEach((needs, i) => {
    type Callback = (error: null, value: number) => void;
    const names = needs.map((need) => `n${need}`);
    const run = (results: Record<string, number>, done: Callback) =>
      done(null, compute(results[names[0]], results[names[1]], results[names[2]]));
    tasks[`n${i}`] = names.length === 0 ? (done: Callback) => done(null, compute()) : [...names, run];
  });
  return auto<Record<string, number>>(tasks as never).then((results) => sum(Object.values(results)));
}

async function pGraph(shape: Shape): Promise<number> {
  const results = new Array<number>(shape.length);
  const nodes = new Map(
    shape.map((needs, i) => [
      `n${i}`,
      { run: async () => void (results[i] = compute(results[needs[0]], results[needs[1]], results[needs[2]])) },
    ]),
  );
  const edges = shape.flatMap((needs, i) => needs.map((need): [string, string] => [`n${need}`, `n${i}`]));
  await new PGraph(nodes, edges).run();
  return sum(results);
}

/** Medians in ms by shape, size and contender. */
const medians = new Map<string, number>();
const key = (shape: string, size: number, label: string) => `${shape} ${size} ${label}`;
const total = (size: number, label: string) =>
  sum(Object.keys(shapes).map((shape) => medians.get(key(shape, size, label)) as number));
const ratio = (shape: string, size: number, a: string, b: string) =>
  (medians.get(key(shape, size, a)) as number) / (medians.get(key(shape, size, b)) as number);

for (const size of only.length > 0 ? only : SIZES) {
  // With seven samples, garbage collections that take longer than a run do not change the median.
  const samples = size >= 100_000 ? 7 : 25;
  for (const [name, make] of Object.entries(shapes)) {
    const shape = make(size);
    const expected = answer(shape);
    const plain = build(shape, compute);
    const awaiting = build(shape, computeAsync);
    const resultsOf = (dag: Dag) => sum(Object.values(dag.results));
    const contenders: Record<string, { run: () => unknown; check: () => unknown }> = {
      loop: { run: () => loop(shape), check: () => sum(loop(shape)) },
      "trimmed loop": { run: () => trimmedLoop(shape), check: () => sum(trimmedLoop(shape)) },
      runSync: { run: () => plain.runSync(), check: () => resultsOf(plain) },
      "run, sync fns": { run: () => plain.run({ mode: "async" }), check: () => resultsOf(plain) },
      "run, async fns": { run: () => awaiting.run({ mode: "async" }), check: () => resultsOf(awaiting) },
      "promises, sync fns": { run: () => promises(shape, compute), check: () => promises(shape, compute) },
      "promises, async fns": { run: () => promises(shape, computeAsync), check: () => promises(shape, computeAsync) },
      "trimmed, sync fns": { run: () => trimmed(shape, compute), check: () => trimmed(shape, compute) },
      "trimmed, async fns": { run: () => trimmed(shape, computeAsync), check: () => trimmed(shape, computeAsync) },
    };
    if (size <= 1_000) contenders["async.auto"] = { run: () => asyncAuto(shape), check: () => asyncAuto(shape) };
    if (size <= 1_000) contenders["p-graph"] = { run: () => pGraph(shape), check: () => pGraph(shape) };
    for (const [label, { run, check }] of Object.entries(contenders)) {
      const time = await median(run, samples, size >= 1_000_000 ? 1 : 3);
      expectSame(await check(), expected, `${label} on ${name} ${size}`);
      medians.set(key(name, size, label), time);
      console.log(
        `${name.padEnd(9)} ${String(size).padStart(8)}  ${label.padEnd(20)} ${round((time * 1e6) / size).padStart(8)} ns a node`,
      );
    }
  }
}

console.log();
for (const [size, target] of [
  [10_000, 0.6],
  [100_000, 0.25],
] as const) {
  if (only.length > 0 && !only.includes(size)) continue;
  for (const fns of ["sync fns", "async fns"]) {
    const all = total(size, `run, ${fns}`) / total(size, `promises, ${fns}`);
    verdict(`all shapes ${size}, ${fns}, run / promises`, all, "≤", target);
    for (const name of Object.keys(shapes)) {
      verdict(
        `${name} ${size}, ${fns}, run / promises`,
        ratio(name, size, `run, ${fns}`, `promises, ${fns}`),
        "≤",
        target,
      );
    }
  }
}
for (const name of Object.keys(shapes)) {
  if (only.length > 0) break;
  verdict(`${name} 1000, p-graph / run`, ratio(name, 1_000, "p-graph", "run, sync fns"), "≥", 10);
  verdict(`${name} 1000, async.auto / run`, ratio(name, 1_000, "async.auto", "run, sync fns"), "≥", 100);
  verdict(`${name} 100000, runSync / loop`, ratio(name, 100_000, "runSync", "loop"), "≤", 8);
  const growth =
    (medians.get(key(name, 1_000_000, "run, sync fns")) as number) /
    (medians.get(key(name, 100_000, "run, sync fns")) as number) /
    10;
  verdict(`${name}, ns a node at 1M / at 100k`, growth, "≤", 2);
}
