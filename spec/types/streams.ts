/** Compile-time checks of dags over streams: sources, options and results, as both kinds of decorators. */
import { Readable } from "node:stream";
import { Dag, node, type RunResult, type StreamItem } from "dagwright";

interface Order {
  readonly id: string;
}

class Orders {
  @node price(order: Order): number {
    return order.id.length;
  }
  @node("price") invoice(price: number): string {
    return String(price);
  }
}

class Single {
  @node double(n: number): number {
    return 2 * n;
  }
}

interface Inputs {
  order: Order;
  rate?: number;
}

export async function ofStreams(orders: Order[], web: ReadableStream<Order>): Promise<void> {
  const dag = Dag.from(Orders);
  const typed = Dag.from<typeof Orders, Inputs>(Orders);

  for await (const { index, input, run } of dag.stream(orders, { input: "order" })) {
    const order: Order = input;
    const price: number = run.get("price");
    const at: number = index;
    void [order, price, at];
  }
  for await (const { input } of dag.stream(orders.map((order) => ({ order })))) {
    const order: Order = input.order;
    void order;
  }
  const items: AsyncIterable<StreamItem<Order, RunResult<{ price: number; invoice: string }>>> = typed.stream(orders, {
    input: "order",
    ordered: false,
    nodeConcurrency: { price: 2 },
  });
  const fromWeb: AsyncIterable<StreamItem<Order>> = typed.stream(web, { input: "order" });
  const fromNode: AsyncIterable<StreamItem<any>> = typed.stream(Readable.from(orders), { input: "order" });
  const promised: AsyncIterable<StreamItem<Order>> = typed.stream([Promise.resolve(orders[0])], { input: "order" });
  void [items, fromWeb, fromNode, promised];

  // The value of a class with one node is typed.
  for await (const value of Dag.from(Single).stream([1, 2], { input: "n", values: true })) {
    const doubled: number = value;
    void doubled;
  }
  const values: AsyncIterable<unknown> = dag.stream(orders, { input: "order", values: true });
  void values;

  typed.stream([{ order: orders[0], rate: 2 }], { inputs: { rate: 1 }, runId: (index) => `order-${index}` });
  typed.stream(orders, {
    input: "order",
    onItemError: "deadLetter",
    deadLetter: ({ index, input }, error) => [index, input, error],
  });

  // @ts-expect-error: "ordr" is no input
  typed.stream(orders, { input: "ordr" });
  // @ts-expect-error: numbers are no orders
  typed.stream([1, 2], { input: "order" });
  // @ts-expect-error: items are records of inputs
  typed.stream([{ order: 5 }]);
  // @ts-expect-error: no such node
  typed.stream(orders, { input: "order", nodeConcurrency: { prise: 2 } });
  // @ts-expect-error: no such action
  typed.stream(orders, { input: "order", onItemError: "ignore" });
  // @ts-expect-error: an id a run
  typed.stream(orders, { input: "order", runId: "one" });
  // @ts-expect-error: no source
  typed.stream(5);
}
