/**
 * A state machine driven by events: the life of an order in a web shop. Each `send` stands for a call from outside, such
 * as a payment provider's webhook or a scanner in the warehouse. An order that is not paid in time is cancelled.
 *
 * Prints:
 *
 *     created → paid → packed → shipped → delivered: delivered by post
 *     created → cancelled: not paid in time
 *     event "SHIPPED" came too late for A-3
 *     created → paid → refunded: 45 EUR back, changed my mind
 */
import { Fsm, next, state, stop, waitForEvent, workflow, type FsmContext } from "dagwright";

@workflow({ name: "order" })
class Order {
  constructor(private readonly patience: number) {}

  @state({ initial: true, to: ["paid", "cancelled"] }) created(id: string, total: number, ctx: FsmContext) {
    Object.assign(ctx.metadata, { id, total });
    return waitForEvent({ PAID: "paid", CANCELLED: "cancelled" }, { after: [this.patience, "cancelled"] });
  }
  @state({ to: ["packed", "refunded"] }) paid(amount: number, ctx: FsmContext) {
    if (amount !== ctx.metadata.total) throw new Error(`expected ${String(ctx.metadata.total)}, got ${amount}`);
    return waitForEvent({ PACKED: "packed", CANCELLED: "refunded" });
  }
  @state({ to: ["shipped"] }) packed(parcels: number) {
    return parcels > 0 ? waitForEvent({ SHIPPED: "shipped" }) : next("shipped", "nobody");
  }
  @state({ to: ["delivered"] }) shipped(carrier: string, ctx: FsmContext) {
    ctx.metadata.carrier = carrier;
    return waitForEvent({ DELIVERED: "delivered" });
  }
  @state({ terminal: true }) delivered(ctx: FsmContext) {
    return stop(`delivered by ${String(ctx.metadata.carrier)}`);
  }
  @state({ terminal: true }) refunded(reason: string, ctx: FsmContext) {
    return stop(`${String(ctx.metadata.total)} EUR back, ${reason}`);
  }
  @state({ terminal: true }) cancelled(reason = "not paid in time") {
    return stop(reason);
  }
}

const orders = Fsm.from(new Order(300));
const place = (id: string, total: number) => orders.start({ inputs: { id, total } });

const first = place("A-1", 12);
const second = place("A-2", 30);
const third = place("A-3", 45);
void first.send("PACKED", 1); // before the payment: stays queued until the order waits for it
await first.send("PAID", 12);
await first.send("SHIPPED", "post");
await first.send("DELIVERED");
await third.send("PAID", 45);
const tooLate = third.send("SHIPPED", "post").catch(() => console.log('event "SHIPPED" came too late for A-3'));
await second.waitFor("cancelled");
for (const [id, handle] of Object.entries({ "A-1": first, "A-2": second, "A-3": third })) {
  if (id === "A-3") await handle.send("CANCELLED", "changed my mind");
  const { stateHistory, value } = await handle.result;
  console.log(`${id}: ${stateHistory.join(" → ")}: ${String(value)}`);
}
await tooLate;
