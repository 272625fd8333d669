/**
 * Reads a large file line by line, parses, checks and counts it, all at the same time: no step has more than a few lines.
 * Run it with `npx tsx samples/pipeline.ts`. It prints:
 *
 *     20000 orders, 19980 of them valid, worth 999000
 *     the first invalid one: order 999
 *     reading was never more than 64 lines ahead: true
 *     the lines are kept: false
 */
import { Dag, map, node, stream, type Item } from "dagwright";

interface Order {
  readonly id: number;
  readonly price: number;
}

/** How far reading is ahead of counting. */
const ahead = { now: 0, most: 0 };

class Orders {
  @node({ buffer: 32 }) async *lines(): AsyncGenerator<string> {
    for (let id = 0; id < 20_000; id++) {
      ahead.most = Math.max(ahead.most, ++ahead.now);
      yield `${id};${id % 1000 === 999 ? "?" : "50"}`;
    }
  }

  @map(stream("lines"), { concurrency: 8, buffer: 16 }) order(line: Item<string>): Order {
    const [id, price] = line.split(";").map(Number);
    return { id, price };
  }

  @node(stream("order")) async report(orders: AsyncIterable<Order>): Promise<string> {
    let all = 0;
    let valid = 0;
    let worth = 0;
    for await (const { price } of orders) {
      ahead.now--;
      all++;
      if (Number.isNaN(price)) continue;
      valid++;
      worth += price;
    }
    return `${all} orders, ${valid} of them valid, worth ${worth}`;
  }

  /** Stops at the first invalid order; the others go on. */
  @node(stream("order")) async invalid(orders: AsyncIterable<Order>): Promise<number> {
    for await (const { id, price } of orders) if (Number.isNaN(price)) return id;
    return -1;
  }
}

const run = await Dag.from(Orders).run({ mode: "async" });
console.log(run.get("report"));
console.log(`the first invalid one: order ${run.get("invalid")}`);
console.log(`reading was never more than 64 lines ahead: ${ahead.most <= 64}`);
console.log(`the lines are kept: ${run.has("lines")}`);
