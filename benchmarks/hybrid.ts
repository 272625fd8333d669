/**
 * What does mode `hybrid` cost where all nodes run inline?
 *
 * Compares it to mode `async` on a diamond of four nodes and on 1,000 nodes in layers, whose functions do next to nothing;
 * without backends, and, without a target, with one of the user's that no node has. Contenders take turns, and their answers are checked.
 */
import { Dag, type Backend, type RunOptions } from "dagwright";
import { round, takeTurns, verdict } from "./measure.js";
import { answer, compute, shapes, sum } from "./shapes.js";

const unused: Backend = { name: "unused", limit: 4, run: () => 0 };

/** How often a dag is run in a turn, so that a turn takes long enough to be measured. */
const DAGS = [
  { label: "4 nodes", shape: shapes.diamonds(4), times: 500 },
  { label: "1,000 nodes", shape: shapes.layered(1000), times: 5 },
];

for (const { label, shape, times } of DAGS) {
  const dag = new Dag("hybrid", { autowire: false });
  shape.forEach((needs, i) => dag.node(`n${i}`, { needs: needs.map((need) => `n${need}`) }, compute));
  const runs = (options: RunOptions) => async () => {
    let total = 0;
    for (let i = 0; i < times; i++) total += sum(Object.values((await dag.run(options)).results));
    return total;
  };
  const contenders = {
    async: runs({ mode: "async" }),
    hybrid: runs({ mode: "hybrid" }),
    routed: runs({ mode: "hybrid", backends: { unused } }),
  };
  const medians = await takeTurns(contenders, { rounds: 60, warmups: 10, expected: times * answer(shape) });
  const shown = Object.entries(medians).map(([name, ms]) => `${name} ${round((ms * 1000) / times)} µs`);
  console.log(`${label}, a run: ${shown.join(", ")}`);
  verdict(`${label}, hybrid / async`, medians.hybrid / medians.async, "≤", 1.1);
  console.log(`${label}, with a backend of the user's / async: ${round(medians.routed / medians.async)}`);
}
