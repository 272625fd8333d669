/**
 * How much memory does the engine use per node, not counting results?
 *
 * Defines dags of 1M nodes and measures how much planning and a run add to the heap and to array buffers, while the run's
 * result is held. Needs `--expose-gc`.
 */
import { Dag } from "dagwright";
import { expectSame, round, verdict } from "./measure.js";
import { answer, compute, shapes, sum } from "./shapes.js";

const SIZE = 1_000_000;

async function used(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error("Run this with node --expose-gc.");
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The bytes per node of the definition, of the plan, and of the state of a run without its results. */
async function measure(name: string): Promise<[definition: number, plan: number, state: number]> {
  const shape = shapes[name](SIZE);
  const before = await used();
  const dag = new Dag("memory", { autowire: false });
  shape.forEach((needs, i) => dag.node(`n${i}`, { needs: needs.map((need) => `n${need}`) }, compute));
  const defined = await used();
  dag.validateOrThrow();
  const planned = await used();
  const run = await dag.run({ mode: "async" });
  const ran = await used();
  expectSame(sum(Object.values(run.results)), answer(shape), name);
  const results = 8 * SIZE;
  return [(defined - before) / SIZE, (planned - defined) / SIZE, (ran - planned - results) / SIZE];
}

for (const name of ["chain", "layered"]) {
  const [definition, plan, state] = await measure(name);
  console.log(`${name}: definition ${round(definition)}, plan ${round(plan)}, run ${round(state)} bytes a node`);
  verdict(`${name} 1M, engine memory (plan + run), bytes a node`, plan + state, "≤", 250);
}
