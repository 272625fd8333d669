/**
 * What does a workflow cost in the place of a node's function?
 *
 * Runs small dags in short batches, which take turns: a node; a workflow of that node; workflows within one another; a node
 * that begins the workflow with `ctx.run`. Then many of each in one run.
 */
import { Dag, type Context, type RunOptions } from "dagwright";
import { round, takeTurns, verdict } from "./measure.js";

const BATCH = 300;
const MANY = 100;
const DEPTH = 3;

type Compute = () => number | Promise<number>;

function dagOf(node: Compute | Dag | ((ctx: Context) => Promise<number>), size = 1): Dag<any> {
  const dag = new Dag<any>("outer", { autowire: false });
  for (let i = 0; i < size; i++) dag.node(`n${i}`, node as never);
  return dag.validateOrThrow();
}

const run = (dag: Dag<any>, options: RunOptions) => async () => {
  let last: Record<string, unknown> = {};
  for (let i = 0; i < BATCH; i++) last = (await dag.run(options)).results;
  return Object.values(last).every((value) => value === 1);
};
const runSync = (dag: Dag<any>) => () => {
  let last: Record<string, unknown> = {};
  for (let i = 0; i < BATCH; i++) last = dag.runSync().results;
  return Object.values(last).every((value) => value === 1);
};

const rounds = { rounds: 41, warmups: 5, expected: true };
/** The cost of a contender over another one, in µs a node. */
const more = (ms: number, than: number, nodes = 1) => ((ms - than) * 1000) / BATCH / nodes;

for (const [name, fn] of [
  ["a synchronous function", () => 1],
  ["a function that resolves at once", async () => 1],
] as const) {
  const child = dagOf(fn);
  let nested = child;
  for (let depth = 1; depth < DEPTH; depth++) nested = dagOf(nested);
  for (const mode of ["sequential", "async"] as const) {
    const options = { mode };
    const began = async (ctx: Context) => (await ctx.run(child)).value as number;
    const times = await takeTurns(
      {
        node: run(dagOf(fn), options),
        child: run(dagOf(child), options),
        nested: run(dagOf(nested), options),
        began: run(dagOf(began), options),
        "run by hand": run(
          dagOf(async () => (await child.run(options)).value as number),
          options,
        ),
      },
      rounds,
    );
    const what = `${name}, mode "${mode}"`;
    const byHand = more(times["run by hand"], times.node);
    verdict(`${what}: a workflow, µs more than its node`, more(times.child, times.node), "≤", 2);
    verdict(
      `${what}: ${DEPTH} workflows within one another, µs more a workflow`,
      more(times.nested, times.node, DEPTH),
      "≤",
      2,
    );
    console.log(
      `${what}: ctx.run ${round(more(times.began, times.node))} µs more, child.run in a node ${round(byHand)} µs`,
    );
    const many = await takeTurns(
      { nodes: run(dagOf(fn, MANY), options), children: run(dagOf(child, MANY), options) },
      { ...rounds, rounds: 7, warmups: 1 },
    );
    verdict(`${what}: ${MANY} workflows in a run, µs more each`, more(many.children, many.nodes, MANY), "≤", 2);
  }
}

const sync = await takeTurns({ node: runSync(dagOf(() => 1)), child: runSync(dagOf(dagOf(() => 1))) }, rounds);
verdict("runSync: a workflow, µs more than its node", more(sync.child, sync.node), "≤", 2);
