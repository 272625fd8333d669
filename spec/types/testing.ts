/** Compile-time checks of the test kit: names, mocks and results. */
import { Dag, decide, Fsm, next, node, select, state, stop, type Next } from "dagwright";
import type { RunStore } from "dagwright";
import { explore, mock, recordedRun, runNode, virtualTime } from "dagwright/testing";

class Orders {
  constructor(readonly path = "") {}
  @node async fetch(): Promise<number[]> {
    return [1];
  }
  @node("fetch") isLarge(orders: number[]): boolean {
    return orders.length > 1;
  }
  @select("fetch") channel(orders: number[]): "mail" | "phone" {
    return orders.length > 1 ? "mail" : "phone";
  }
  @node *pages(): Generator<string> {
    yield "a";
  }
}

class Door {
  @state({ initial: true, to: ["open"] }) closed() {
    return next("open", 1);
  }
  @state open(pushes: number) {
    return stop(pushes);
  }
}

declare const store: RunStore;

export async function ofTheKit(): Promise<void> {
  const orders: number[] = await runNode(Orders, "fetch");
  const pages: string[] = await runNode(new Orders(), "pages");
  const built: number[] = await runNode(Dag.from(Orders), "fetch", { inputs: {}, context: { attempt: 2 } });
  const leads: Next<"open", number> = await runNode(Door, "closed");
  const ends: unknown = await runNode(Fsm.from(Door), "open");
  // @ts-expect-error there is no such node
  await runNode(Orders, "fetsch");
  // @ts-expect-error it returns numbers
  const wrong: string[] = await runNode(Orders, "fetch");
  // @ts-expect-error an attempt is a number
  await runNode(Orders, "fetch", { context: { attempt: "2" } });

  const dag = mock(Orders, { fetch: () => [2], isLarge: () => decide(true, [1]), channel: () => "mail" });
  const mocked: number[] = (await dag.run()).get("fetch");
  const same: Dag<{ a: number }> = mock(new Dag<{ a: number }>("d"), { a: () => 1 });
  const door: Fsm<any> = mock(Door, { closed: () => next("open", 3) });
  // @ts-expect-error fetch gives numbers
  mock(Orders, { fetch: () => ["a"] });
  // @ts-expect-error there is no such node
  mock(Orders, { fetsch: () => [1] });

  const run = await recordedRun(store, "id").run(Orders, { rerun: ["fetch"] });
  const again: number[] = run.get("fetch");
  const fsm = await recordedRun(store, "id").run(Fsm.from(Door), { rerun: ["open"] });
  const history: readonly string[] = fsm.stateHistory;
  // @ts-expect-error there is no such node
  await recordedRun(store, "id").run(Orders, { rerun: ["fetsch"] });

  const { deterministic, pair } = await explore(Orders, { seeds: 10, inputs: {} });
  const is: boolean = deterministic;
  const order: readonly string[] | undefined = pair?.[0].order;
  await using time = virtualTime({ now: 0 });
  const value: number = await time.until(Promise.resolve(1));
  void [orders, pages, built, leads, ends, wrong, mocked, same, door, again, history, is, order, value];
}
