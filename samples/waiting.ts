/**
 * Orders that wait for their payment: reminded after a while, expired after longer. Between the steps, no process has
 * them: they are put away in their store, and taken up when an event is sent or a time has come.
 *
 * Prints:
 *
 *     paid: waiting for PAID
 *     unpaid: waiting for PAID
 *     paid: shipped for 20 €
 *     unpaid: please pay 20 €
 *     unpaid: expired
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { any, type Context, Dag, event, node, workflow } from "dagwright";
import { sqliteStore } from "dagwright/store";

/** A day, sped up. */
const DAY = 500;

@workflow({ name: "orders" })
class Orders {
  @node invoice(): number {
    return 20;
  }
  @event("invoice", { event: "PAID" }) paid(payment: { amount: number }, invoice: number): string {
    return payment.amount === invoice ? `shipped for ${invoice} €` : "paid back";
  }
  @node({ needs: ["invoice"], delay: DAY }) reminded(invoice: number, ctx: Context): string {
    console.log(`${ctx.runId}: please pay ${invoice} €`);
    return "reminded";
  }
  @node("reminded", { delay: 2 * DAY }) expired(): string {
    return "expired";
  }
  @any("paid", "expired") done(outcome: string): string {
    return outcome;
  }
}

const folder = mkdtempSync(join(tmpdir(), "dagwright-"));
const store = sqliteStore(join(folder, "orders.db"));
const orders = Dag.from(Orders);

for (const runId of ["paid", "unpaid"]) {
  const run = await orders.run({ store, runId, detach: true });
  console.log(`${runId}: ${run.status} for ${run.waitingFor?.events.join(", ")}`);
}
// What a webhook does, in whichever process it arrives. The key is that of its delivery.
await orders.send("paid", "PAID", { amount: 20 }, { store, key: "delivery-1" });
// What a process that drives the orders does.
for (let left = 2; left > 0; await new Promise((resolve) => setTimeout(resolve, DAY / 4))) {
  for (const run of await orders.recover({ store, detach: true })) {
    if (run.status === "waiting") continue;
    console.log(`${run.runId}: ${run.get("done")}`);
    left--;
  }
}
await store.close();
rmSync(folder, { recursive: true });
