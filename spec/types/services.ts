/** Compile-time checks of services: inputs, results and events of what is submitted. */
import { Dag, Fsm, node, state, stop, waitForEvent, type FsmResult } from "dagwright";
import { Client, Service, type SubmittedRun } from "dagwright/service";
import type { SqlStore } from "dagwright/store";

class Orders {
  @node total(amount: number): number {
    return amount;
  }
}

class Payment {
  @state({ initial: true }) open() {
    return waitForEvent({ PAID: "paid" });
  }
  @state paid(amount: number) {
    return stop(amount > 0);
  }
}

declare const store: SqlStore;

export async function ofServices(): Promise<void> {
  const service = new Service({ store, workflows: [Orders, Payment, new Dag("d")] });
  // @ts-expect-error a service needs to have its workflows
  new Service({ store, workflows: ["orders"] });
  const client = new Client({ store, workflows: [Orders, "payment"] });

  const order = await service.submit(Orders, { inputs: { amount: 1 } });
  const total: number = (await order.result()).get("total");
  // @ts-expect-error no node is named "totl"
  (await order.result()).get("totl");

  const typed = Dag.from<typeof Orders, { amount: number }>(Orders);
  await client.submit(typed, { inputs: { amount: 1 } });
  // @ts-expect-error the amount is a number
  await client.submit(typed, { inputs: { amount: "1" } });
  // @ts-expect-error there is no input "amuont"
  await client.submit(typed, { inputs: { amuont: 1 } });

  const payment = await service.submit(Payment);
  const result: FsmResult<{ open: undefined; paid: boolean }> = await payment.result();
  await client.send(payment, "PAID", 5);
  // @ts-expect-error the payload is a number
  await client.send(payment, "PAID", "5");
  // @ts-expect-error no state waits for "PIAD"
  await client.send(payment, "PIAD", 5);
  await client.send("any id", "ANY", {});
  await client.send(await service.submit(Fsm.from(Payment)), "PAID", 5);

  const named: SubmittedRun = await client.submit("payment", { inputs: { any: 1 } });
  const any: unknown = (await named.result()).value;
  // @ts-expect-error no option is named "dely"
  await client.submit("payment", { dely: 1 });
  await client.submit("payment", { delay: new Date(), priority: "high" });
  // @ts-expect-error no priority is named "urgent"
  await client.submit("payment", { priority: "urgent" });
  void [total, result, any];
}

class Approval {
  @node ask(amount: number): string {
    return `${amount}`;
  }
  @node("ask") ship(answer: string): string {
    return answer;
  }
}

declare const anything: any;

export async function ofNodes(): Promise<void> {
  const client = new Client({ store, workflows: [Approval, Payment] });
  const run = await client.submit(Approval, { inputs: { amount: 1 } });
  await client.resume(run, { provide: { ask: "yes" } });
  await client.resume(run, { provide: { "ask.inner": "yes", "ask[3].inner": "no" } });
  // @ts-expect-error no node is named "aks"
  await client.resume(run, { provide: { aks: "yes" } });
  const again = await client.replay(run, { rerun: ["ship"] });
  const shipped: string = (await again.result()).get("ship");
  // @ts-expect-error no node is named "shp"
  await client.replay(run, { rerun: ["shp"] });
  await client.resume("any id", { provide: { any: 1 } });
  await client.replay("any id", { rerun: ["any"] });
  await client.resume(await client.submit(Payment), { provide: { open: 1 } });
  // @ts-expect-error no state is named "opn"
  await client.resume(await client.submit(Payment), { provide: { opn: 1 } });
  await client.resume(await client.submit(new Dag("d")), { provide: { any: 1 } });
  await client.replay(await client.submit("payment"), { rerun: ["any"] });

  const some = await client.submit(anything, { inputs: { any: 1 } });
  await client.send(some, "ANY", { any: 1 });
  await client.resume(some, { provide: { any: 1 } });
  const value: unknown = (await some.result()).value;
  const found = await client.get(some);
  if (found !== undefined) await client.send(found, "ANY", {});
  await client.schedule("often", anything, { every: 1, inputs: { any: 1 }, priority: "low", metadata: { any: 1 } });
  // @ts-expect-error no priority is named "urgent"
  await client.schedule("often", Approval, { every: 1, priority: "urgent" });
  void [shipped, value];
}
