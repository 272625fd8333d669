import { any, type Context, event, node, workflow } from "dagwright";
import { z } from "zod";
import type { Outbox } from "./outbox.js";

export const Payment = z.object({ amount: z.number().positive() });
export type Payment = z.infer<typeof Payment>;

export const Order = z.object({
  order: z.string().min(1),
  total: z.number().positive(),
  daysToPay: z.number().min(1).default(3),
});

interface Invoice {
  readonly order: string;
  readonly total: number;
  /** In ms. */
  readonly remindAfter: number;
  readonly expireAfter: number;
}

/** An order waits for its payment: it reminds after a day, and expires after three. */
@workflow({ name: "orders", inputs: Order.shape })
export class Orders {
  /** @param day - in ms */
  constructor(
    private readonly outbox: Outbox,
    private readonly day: number,
  ) {}

  @node invoice(order: string, total: number, daysToPay: number): Invoice {
    return { order, total, remindAfter: this.day, expireAfter: (daysToPay - 1) * this.day };
  }
  @event("invoice", { event: "PAID", schema: Payment }) paid(payment: Payment, invoice: Invoice): number {
    return payment.amount - invoice.total;
  }
  @node("paid", "invoice") ship(balance: number, { order }: Invoice, ctx: Context): string {
    const change = balance === 0 ? "" : `, balance ${balance} €`;
    this.outbox.send(ctx.idempotencyKey, `${order}: shipped${change}`);
    return `shipped${change}`;
  }
  @node({ needs: ["invoice"], delay: ({ remindAfter }: Invoice) => remindAfter })
  remind(invoice: Invoice, ctx: Context): Invoice {
    this.outbox.send(ctx.idempotencyKey, `${invoice.order}: please pay ${invoice.total} €`);
    return invoice;
  }
  @node({ needs: ["remind"], delay: ({ expireAfter }: Invoice) => expireAfter })
  expire({ order }: Invoice, ctx: Context): string {
    this.outbox.send(ctx.idempotencyKey, `${order}: expired`);
    return "expired";
  }
  @any("ship", "expire") end(how: string): string {
    return how;
  }
}
