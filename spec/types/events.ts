/** Types of event nodes and delays. */
import { Dag, event, Fsm, node, state, stop, waitForEvent, type Context, type StandardSchema } from "dagwright";

interface Invoice {
  readonly total: number;
}
interface Payment {
  readonly amount: number;
}

declare const paymentSchema: StandardSchema<unknown, Payment>;
declare const textSchema: StandardSchema<unknown, string>;

export class Orders {
  @node invoice(): Invoice {
    return { total: 1 };
  }
  @event paid(payment: Payment): number {
    return payment.amount;
  }
  @event("invoice", { event: "PAID", timeout: 1000, onTimeout: null, schema: paymentSchema })
  checked(payment: Payment, invoice: Invoice, ctx: Context): number {
    return payment.amount - invoice.total - ctx.attempt;
  }
  @event("invoice") ordered(payment: Payment): number {
    return payment.amount;
  }
  // @ts-expect-error there is no such method
  @event("invoices") misnamed(payment: Payment, invoice: Invoice): number {
    return payment.amount - invoice.total;
  }
  // @ts-expect-error the need gives an invoice
  @event("invoice") mistyped(payment: Payment, invoice: string): string {
    return `${payment.amount}${invoice}`;
  }
  // @ts-expect-error the schema makes a string
  @event({ schema: textSchema }) badSchema(payment: Payment): number {
    return payment.amount;
  }
  @node("paid", { delay: (paid: number) => paid * 2 }) later(paid: number): number {
    return paid;
  }
  // @ts-expect-error a delay is ms, a date, or a function
  @node({ delay: "1s" }) bad(): number {
    return 1;
  }
}

const dag = new Dag("builder");
const invoice = dag.node("invoice", (): Invoice => ({ total: 1 }));
const payload = dag.event("payload", { schema: paymentSchema, needs: [invoice] });
const paid = dag.event("paid", { needs: [invoice], schema: paymentSchema }, (payment, of) => payment.amount - of.total);
dag.node("sum", { needs: [payload, paid] }, (payment, left) => payment.amount + left);
// @ts-expect-error the payload is a payment
dag.event("wrong", { schema: paymentSchema }, (payment: string) => payment);

declare const typedPayment: StandardSchema<{ readonly amount: string }, Payment>;

class Machine {
  @state({ initial: true }) open() {
    return waitForEvent({ PAID: "paid", LOST: "lost" });
  }
  @state paid(payment: Payment) {
    return stop(payment.amount);
  }
  @state lost(why: string) {
    return stop(why.length);
  }
}

export async function ofDeclaredEvents(): Promise<void> {
  const handle = new Fsm("f", { events: { PAID: typedPayment, SENT: true } }).start();
  await handle.send("PAID", { amount: "5" });
  await handle.send("SENT", 5);
  // @ts-expect-error the schema takes a text
  await handle.send("PAID", { amount: 5 });
  // @ts-expect-error no event "PIAD" is declared
  await handle.send("PIAD");
  // @ts-expect-error an event is declared with a schema, or true
  new Fsm("f", { events: { PAID: "number" } });

  const told = Fsm.from(Machine, { events: { PAID: typedPayment, LOST: true } }).start();
  await told.send("PAID", { amount: "5" });
  await told.send("LOST", "gone");
  // @ts-expect-error the state takes a text
  await told.send("LOST", 5);
  // @ts-expect-error no event "PIAD" is declared
  await told.send("PIAD");
  // @ts-expect-error the state takes a payment
  await Fsm.from(Machine).start().send("PAID", { amount: "5" });
}
