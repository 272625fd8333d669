/** Compile-time checks of runs: names, results, inputs, overrides and events, as both kinds of decorators. */
import {
  condition,
  Dag,
  decide,
  Fsm,
  next,
  node,
  PauseRun,
  select,
  state,
  stop,
  waitForEvent,
  type FsmHandle,
  type FsmResult,
  type RunResult,
  type RunStore,
} from "dagwright";

interface Order {
  readonly id: string;
}

class Orders {
  limit = 5;
  @node fetch(limit: number): Order[] {
    return [{ id: String(limit) }];
  }
  @condition("fetch") isLarge(orders: Order[]): boolean {
    return orders.length > this.limit;
  }
  @select("fetch") kind(orders: Order[]) {
    return orders.length > 1 ? ("many" as const) : ("one" as const);
  }
  @condition("fetch") decided(orders: Order[]) {
    return decide(orders.length > 1, "text");
  }
  @node approve() {
    throw new PauseRun("ask");
  }
  @node("fetch") count(orders: Order[]): number {
    return orders.length;
  }
}

interface Inputs {
  limit: number;
  note?: string;
}

class Delivery {
  @state({ initial: true }) created(id: string) {
    return id === "" ? stop(0) : waitForEvent({ PAID: "paid", LATE: "late", GONE: "gone" }, { after: [5, "gone"] });
  }
  @state paid(payment: { amount: number }) {
    return next("late", payment.amount);
  }
  @state late(days: number) {
    return days > 1 ? waitForEvent({ PAID: "later" }) : stop("late");
  }
  @state later(payment: { amount: number; fine: number }) {
    return payment.fine;
  }
  @state gone() {
    return stop();
  }
}

declare const store: RunStore;

export async function ofDags(): Promise<void> {
  const dag = Dag.from(Orders);
  const every: Dag[] = [dag, new Dag("x"), Dag.from<typeof Orders, Inputs>(Orders)];
  const run: RunResult = await dag.run();
  void [every, run];

  await dag.runFrom("count");
  await dag.runUntil("isLarge");
  await dag.runBetween("fetch", "count");
  await dag.invalidateCache("count");
  // @ts-expect-error no node is named "cuont"
  await dag.runFrom("cuont");
  // @ts-expect-error a field is not a node
  await dag.runUntil("limit");
  // @ts-expect-error no node is named "cuont"
  await dag.runBetween("fetch", "cuont");
  // @ts-expect-error no node is named "cuont"
  await dag.invalidateCache("cuont");

  dag.setNodeHooks("count", { postExecute: (_node, _inputs, result) => result.toFixed() });
  dag.setNodeHooks("count", { postExecute: (_node, _inputs, result: number) => result });
  // @ts-expect-error no node is named "cuont"
  dag.setNodeHooks("cuont", {});
  // @ts-expect-error the result is a number
  dag.setNodeHooks("count", { postExecute: (_node, _inputs, result: string) => result });
  // Nodes that are added later are known by their handles.
  const later = dag.node("later", { needs: ["count"] }, (count: number) => String(count));
  await dag.runUntil(later);
  dag.setNodeHooks(later, {});

  await dag.run({ overrides: { fetch: [], isLarge: true, kind: "many", decided: decide(true, "x"), approve: 5 } });
  await dag.run({ overrides: { isLarge: decide(false, [{ id: "a" }]) } });
  await dag.resume("id", { store, provide: { approve: "yes", isLarge: true }, overrides: { count: 5 } });
  // @ts-expect-error no node is named "cuont"
  await dag.run({ overrides: { cuont: 1 } });
  // @ts-expect-error the result is a number
  await dag.run({ overrides: { count: "5" } });
  // @ts-expect-error the result of a condition is a decision
  await dag.run({ overrides: { isLarge: [{ id: "a" }] } });
  // @ts-expect-error there is no branch "few"
  await dag.run({ overrides: { kind: "few" } });
  // @ts-expect-error the value of the decision is a string
  await dag.run({ overrides: { decided: decide(true, 5) } });
  // @ts-expect-error the result is a number
  await dag.resume("id", { store, provide: { count: "5" } });
  // @ts-expect-error the result is a number
  Dag.from(Orders, { runOptions: { overrides: { count: "5" } } });

  // Parameter names are not part of types, so only declared inputs are known.
  await dag.run({ inputs: { limit: 5, whatever: 1 } });
  const declared = Dag.from<typeof Orders, Inputs>(Orders, { runOptions: { inputs: { limit: 1 } } });
  const inputs: Inputs = { limit: 5 };
  await declared.run({ inputs });
  await declared.runUntil("count", { inputs: { note: "partly" } });
  declared.start({ inputs: { limit: 5, note: "x" } });
  // @ts-expect-error there is no input "limt"
  await declared.run({ inputs: { limit: 5, limt: 5 } });
  // @ts-expect-error the limit is a number
  await declared.run({ inputs: { limit: "5" } });
  // @ts-expect-error the limit is missing
  await declared.run({ inputs: { note: "x" } });
  // @ts-expect-error there is no input "limt"
  await declared.runFrom("count", { inputs: { limt: 5 } });
  const built = new Dag<Record<string, unknown>, Inputs>("built");
  // @ts-expect-error the limit is a number
  await built.run({ inputs: { limit: "5" } });
}

export async function ofValues(): Promise<void> {
  class One {
    @node only(): number {
      return 1;
    }
  }
  const dag = Dag.from(One);
  const every: Dag = dag;
  const value: number = (await dag.run({ mode: "async" })).value;
  const blocking: number = dag.runSync().value;
  // @ts-expect-error the value is a number
  const wrong: string = (await dag.run()).value;
  const several: unknown = (await Dag.from(Orders).run()).value;
  // @ts-expect-error types do not tell which of several nodes is the sink
  const unknown: number = (await Dag.from(Orders).run()).value;
  void [every, value, blocking, wrong, several, unknown];
}

export async function ofFsms(): Promise<void> {
  const fsm = Fsm.from(Delivery);
  const every: Fsm[] = [fsm, new Fsm("x"), Fsm.from<typeof Delivery, { id: string }>(Delivery)];
  const run: FsmResult = await fsm.run();
  const handle = fsm.start();
  const any: FsmHandle = handle;
  void [every, run, any];

  await handle.send("PAID", { amount: 1 });
  await handle.send("PAID", { amount: 1, fine: 2 });
  await handle.send("LATE", 3);
  await handle.send("GONE");
  await fsm.send("id", "LATE", 3, { store });
  await (await fsm.attach("id", { store })).send("LATE", 3);
  // @ts-expect-error no state waits for "PIAD"
  await handle.send("PIAD", { amount: 1 });
  // @ts-expect-error the payment is not a string
  await handle.send("PAID", "1");
  // @ts-expect-error the days are a number
  await fsm.send("id", "LATE", "3", { store });
  // @ts-expect-error no state waits for "PIAD"
  await fsm.send("id", "PIAD", undefined, { store });

  await fsm.resume("id", { store, send: [["PAID", { amount: 1 }], ["GONE"], ["LATE", 3]] });
  await fsm.resume("id", { store, send: { LATE: 3 }, provide: { created: next("paid", 5), gone: undefined } });
  // @ts-expect-error no state waits for "PIAD"
  await fsm.resume("id", { store, send: [["PIAD"]] });
  // @ts-expect-error the days are a number
  await fsm.resume("id", { store, send: { LATE: "3" } });
  // @ts-expect-error no state is named "laet"
  await fsm.resume("id", { store, provide: { laet: 1 } });
  // @ts-expect-error the fine is a number
  await fsm.resume("id", { store, provide: { later: "5" } });

  fsm.setNodeHooks("later", { postExecute: (_node, _inputs, fine) => fine.toFixed() });
  // @ts-expect-error no state is named "laet"
  fsm.setNodeHooks("laet", {});
  // @ts-expect-error no state is named "laet"
  await fsm.invalidateCache("laet");

  const declared = Fsm.from<typeof Delivery, { id: string }>(Delivery, { runOptions: { inputs: { id: "a" } } });
  await declared.run({ inputs: { id: "a" } });
  // @ts-expect-error the id is a string
  await declared.run({ inputs: { id: 1 } });
  // @ts-expect-error there is no input "ID"
  declared.start({ inputs: { ID: "a" } });

  // Events that types do not know may be sent.
  const built = new Fsm("built");
  await built.start().send("ANY", 1);
  class Untyped {
    @state({ initial: true }) begin() {
      return waitForEvent({ ["GO" as string]: "begin" });
    }
  }
  await Fsm.from(Untyped).start().send("GO", 1);
  class Silent {
    @state({ initial: true }) begin() {
      return stop();
    }
  }
  await Fsm.from(Silent).start().send("GO", 1);
}
