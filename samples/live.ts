/**
 * A live dag: the offer of a shop in its currency. The rate follows a feed, the order is changed by hand, and only what
 * depends on a change is computed again.
 *
 * Prints:
 *
 *     offer: 220.00 USD
 *     offer: 240.00 USD
 *     offer: 360.00 USD
 *     the order was priced 2 times
 *     offer: none, because Node "price" failed: 0 is no quantity. See the cause.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Dag, node } from "dagwright";

let priced = 0;

class Offer {
  @node async price(item: string, quantity: number): Promise<number> {
    priced++;
    await sleep(1);
    if (quantity === 0) throw new Error("0 is no quantity");
    return (item === "chair" ? 100 : 300) * quantity;
  }

  // Small changes of the rate are none.
  @node({ equals: (before: number, after: number) => Math.abs(before - after) < 0.01 })
  current(rate: number): number {
    return rate;
  }

  @node("price", "current") offer(price: number, rate: number): string {
    return `${(price * rate).toFixed(2)} USD`;
  }
}

let tellEnd = () => {};
const marketCloses = new Promise<void>((resolve) => (tellEnd = resolve));

async function* rates(): AsyncGenerator<number> {
  for (const rate of [1.101, 1.2, 1.199]) {
    await live.settled();
    yield rate;
  }
  tellEnd();
}

interface Inputs {
  item: string;
  quantity: number;
  rate: number;
}

const inputs = { item: "chair", quantity: 2, rate: 1.1 };
await using live = Dag.from<typeof Offer, Inputs>(Offer).live({ inputs });
live.subscribe("offer", (offer) => {
  if (offer !== undefined) console.log(`offer: ${offer}`);
});
live.follow("rate", rates());
await marketCloses;
await live.settled();
live.set("quantity", 3);
await live.settled();
console.log(`the order was priced ${priced} times`);
live.set({ quantity: 0 });
await live.settled();
console.log(`offer: ${live.get("offer", "none")}, because ${live.errors[0].message}`);
