/** Maps whose items run on worker threads. Workers import them. */
import { isMainThread } from "node:worker_threads";
import { Dag, map, node, type Context, type Item } from "dagwright";

class Rows {
  @node list() {
    return Array.from({ length: 12 }, (_, i) => new Float64Array(3).fill(i));
  }
  @map("list", { retry: { retries: 1, delay: 1 } }) sum(row: Item<Float64Array>, ctx: Context) {
    if (row[0] === 7 && ctx.attempt === 1) throw new Error("once");
    return [row[0] + row[1] + row[2], ctx.item?.index, ctx.idempotencyKey.split("/")[1], isMainThread];
  }
  @map("sum", "list") last(sum: Item<unknown[]>, list: Float64Array[]) {
    return [sum[0], list.length, isMainThread];
  }
}

export const rows = Dag.from(Rows);

export const failing = new Dag<any>("failing");
failing.node("list", { backend: "inline" }, () => [1, 2, () => 3, 4]);
failing.map("out", { needs: ["list"], onItemError: "skip", timeout: 300 }, (item: number) => {
  if (item === 2) throw new Error("two");
  while (item === 4); // Spins until its thread is ended.
  return item;
});

export const numbers = new Dag<any>("numbers");
numbers.node("list", () => Array.from({ length: 500 }, (_, i) => i));
numbers.map("out", { needs: ["list"] }, (item: number) => [item, isMainThread]);
