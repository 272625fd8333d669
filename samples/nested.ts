/**
 * Workflows inside of workflows: an order is checked by a workflow of its own, as a node; and a node packs each item
 * with `ctx.run`, however many there are.
 *
 * Prints:
 *
 *     parcels: 2 books (1.8 kg), 1 globe (2.5 kg)
 *     inside of check: total 77, credit approved
 *     inside of pack: globe weighs 2.5 kg
 *     runs: orders, orders/check, orders/pack[book], orders/pack[globe]
 *     without credit: orders › check › credit failed: 77 is too much. See the cause.
 */
import { Dag, node, subworkflow, workflow, type Context, type ExecutionError } from "dagwright";

interface Item {
  readonly name: string;
  readonly count: number;
  readonly price: number;
}

@workflow({ name: "check" })
class Check {
  @node total(items: Item[]) {
    return items.reduce((sum, { count, price }) => sum + count * price, 0);
  }
  @node("total") credit(total: number, limit: number) {
    if (total > limit) throw new Error(`${total} is too much`);
    return "approved";
  }
}

@workflow({ name: "pack" })
class Pack {
  @node weigh(item: Item) {
    return item.count * (item.name === "globe" ? 2.5 : 0.9);
  }
  @node("weigh") label(weight: number, item: Item) {
    return `${item.count} ${item.name}${item.count > 1 ? "s" : ""} (${weight} kg)`;
  }
}

@workflow({ name: "orders" })
class Orders {
  @node items(): Item[] {
    return [
      { name: "book", count: 2, price: 16 },
      { name: "globe", count: 1, price: 45 },
    ];
  }
  /** Its input `items` comes from the node of that name, `limit` from the inputs of the run. */
  @node check = subworkflow(Check, { output: "credit" });
  @node({ needs: ["items"], after: ["check"] }) async pack(items: Item[], ctx: Context) {
    const pack = Dag.from(Pack);
    const runs = await Promise.all(items.map((item) => ctx.run(pack, { inputs: { item }, key: item.name })));
    return runs.map((run) => run.get("label"));
  }
}

const orders = Dag.from(Orders);
const runs = new Set<string>();
const run = await orders.run({
  mode: "async",
  runId: "orders",
  inputs: { limit: 100 },
  observers: [({ runId }) => void runs.add(runId)],
});
console.log(`parcels: ${run.get("pack").join(", ")}`);
console.log(`inside of check: total ${run.get("check.total")}, credit ${run.get("check")}`);
console.log(`inside of pack: globe weighs ${run.child("pack", "globe")?.get("weigh")} kg`);
console.log(`runs: ${Array.from(runs).join(", ")}`);
await orders.run({ inputs: { limit: 50 } }).catch(({ message }: ExecutionError) => {
  console.log(`without credit: ${message}`);
});
