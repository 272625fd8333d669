/** Compile-time checks of backends, and of nodes without a function. */
import { Dag, all, map, node, workflow, type Backend, type BackendCall, type Item, type RunResult } from "dagwright";

const remote: Backend = {
  name: "remote",
  limit: 2,
  run: ({ inputs }: BackendCall, signal) => [inputs, signal.aborted],
};

// @ts-expect-error: a backend makes calls.
export const idle: Backend = { name: "idle" };
// @ts-expect-error: it says why not.
export const vague: Backend = { ...remote, place: () => false };

@workflow({ backends: { remote, inline: { limit: 2 } } })
export class Quotes {
  @node item(): string {
    return "lamp";
  }
  @node({ backend: "remote", params: ["item"] }) price!: (item: string) => Promise<number>;
  @node("price", { backend: remote, params: ["price"] }) taxed!: (price: number) => number;
  @node("price", "taxed") sum(price: number, taxed: number): number {
    return price + taxed;
  }
  @node list(): string[] {
    return [];
  }
  @map({ needs: ["list"], backend: remote, params: ["item"] }) each!: (item: Item<string>) => number;
  @all("price", "taxed", { backend: "thread" }) both(values: { price: number; taxed: number }): number {
    return values.price;
  }

  // @ts-expect-error: the price is a number.
  @node("price", { backend: remote, params: ["price"] }) wrong!: (price: string) => number;
  // @ts-expect-error: the price is a number.
  @node("price") wrongly(price: string): string {
    return price;
  }
  // @ts-expect-error: a field without a backend must hold a workflow.
  @node("price") neither!: (price: number) => number;
}

export async function runs(): Promise<number> {
  const run = await Dag.from(Quotes).run({ mode: "hybrid", backends: { remote, thread: { limit: 1 } } });
  const price: number = run.get("price");
  // @ts-expect-error: the price is a number.
  const text: string = run.get("price");
  return price + text.length;
}

export function built(): Promise<RunResult<any>> {
  const dag = new Dag("built", { backends: { remote } });
  const price = dag.node("price", { backend: "remote", params: ["item"] });
  dag.node({ name: "named", backend: remote });
  dag.cachedNode("kept", { backend: remote, ttl: 5 });
  dag.node("sum", { needs: [price] }, (n: number) => n);
  // @ts-expect-error: a node without a backend has a function.
  dag.node("neither", { retry: 1 });
  // @ts-expect-error: a limit is a number.
  return dag.run({ backends: { remote: { limit: "2" } } });
}
