/** Compile-time checks of live dags: inputs, values and subscribers, as both kinds of decorators. */
import { Dag, node, type LiveDag, type NodeStatus } from "dagwright";

class Bill {
  @node({ equals: (before: number, after: number) => Math.abs(before - after) < 0.01 })
  net(price: number, count: number): number {
    return price * count;
  }
  @node("net") text(net: number): string {
    return net.toFixed(2);
  }
}

interface Inputs {
  price: number;
  count: number;
  note?: string;
}

export async function ofLiveDags(prices: AsyncIterable<number>, web: ReadableStream<number>): Promise<void> {
  const dag = Dag.from<typeof Bill, Inputs>(Bill);
  await using live = dag.live({ inputs: { price: 1, count: 2 }, mode: "async", concurrency: 2 });
  const every: LiveDag<{ net: number; text: string }, Inputs> = live;
  const net: number | undefined = live.get("net");
  const text: string = live.get("text", "none");
  const status: NodeStatus = live.status("net");
  live.set("price", 2);
  live.set({ price: 2, note: "x" });
  const stops: (() => Promise<void>)[] = [
    live.follow("price", prices),
    live.follow("price", web),
    live.follow("count", [1]),
  ];
  const unsubscribe: () => void = live.subscribe("text", (value) => value?.length);
  await live.settled();
  void [every, net, text, status, stops, unsubscribe, live.has("net"), live.errors];

  // @ts-expect-error: "prise" is no input
  live.set("prise", 1);
  // @ts-expect-error: a price is a number
  live.set("price", "1");
  // @ts-expect-error: "prise" is no input
  live.set({ prise: 1 });
  // @ts-expect-error: prices are numbers
  live.follow("price", ["1"]);
  // @ts-expect-error: "nett" is no node
  live.get("nett");
  // @ts-expect-error: "nett" is no node
  live.status("nett");
  // @ts-expect-error: a text is no number
  live.subscribe("text", (value: number) => value);
  // @ts-expect-error: "price" is missing
  dag.live({ inputs: { count: 1 } });
  // @ts-expect-error: a live dag is not recorded
  dag.live({ inputs: { price: 1, count: 1 }, store: undefined });

  const built = new Dag("built");
  const a = built.node("a", (n: number) => n);
  const b = built.node("b", { needs: [a] }, (n: number) => String(n));
  const other = built.live({ inputs: { n: 1 } });
  const value: string | undefined = other.get(b);
  other.subscribe(a, (n: number | undefined) => n);
  other.set("n", 2);
  void value;
}
