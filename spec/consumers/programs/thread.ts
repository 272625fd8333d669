/** Prints where nodes of a decorated class and of the builder ran. */
import { setTimeout } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { Dag, node, workflow } from "dagwright";

const thread = () => (isMainThread ? "the main thread" : "a worker");

@workflow({ name: "sums" })
class Sums {
  @node list(): number[] {
    return [1, 2, 3];
  }
  @node("list") total(numbers: number[]): string {
    return `${numbers.reduce((sum, number) => sum + number)} on ${thread()}`;
  }
}

const squares = new Dag("squares");
const list = squares.node("list", () => [1, 2, 3]);
squares.node("total", { needs: [list] }, (numbers) => {
  return `${numbers.reduce((sum, number) => sum + number * number, 0)} on ${thread()}`;
});

async function report(dag: Dag): Promise<void> {
  const run = await dag.run({ mode: "parallel" });
  const total = run.nodes.get("total");
  console.log(`${dag.name}: ${run.get("total")}, ${total?.backend}: ${total?.backendReason}`);
}

// Gives garbage collection time to happen. After it, Bun can no longer inspect earlier stacks.
await setTimeout(10);
for (let i = 0; i < 5; i++) new Float64Array(1e6);
await setTimeout(10);
for (const dag of [Dag.from(Sums), squares]) await report(dag);
