/** Types of event nodes and delays. */
import { Dag, event, node, type Context, type StandardSchema } from "dagwright";

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
