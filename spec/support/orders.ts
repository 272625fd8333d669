/** The class of both decorator specs, compiled as TC39 standard decorators. */
import {
  all,
  any,
  cachedNode,
  condition,
  decide,
  next,
  node,
  optional,
  route,
  select,
  state,
  stop,
  workflow,
  type Context,
  type FsmContext,
} from "dagwright";

export interface Order {
  readonly id: string;
  readonly price: number;
}

@workflow({ name: "orders", description: "a report" })
export class Orders {
  calls = 0;
  constructor(private readonly prices: readonly number[] = [5, 20]) {}

  @node fetch(): Order[] {
    this.calls++;
    return this.prices.map((price, i) => ({ id: `o${i}`, price }));
  }
  @node() currency(): string {
    return "EUR";
  }
  @node("fetch") clean(orders: Order[], ctx: Context): Order[] {
    ctx.metadata["cleaned"] = orders.length;
    return orders.filter(({ price }) => price > 0);
  }
  @cachedNode("fetch", { ttl: 60_000 }) async rates(orders: Order[]): Promise<number> {
    this.calls += 100;
    return orders.length;
  }
  @condition("clean") isLarge(orders: Order[]): boolean {
    return orders.length > 2;
  }
  @node("isLarge.true") bulk(orders: Order[]): string {
    return `bulk ${orders.length}`;
  }
  @node({ needs: ["isLarge.false"] }) small(orders: Order[]): string {
    return `small ${orders.length}`;
  }
  @any("bulk", "small") publish(report: string, ctx: Context): string {
    return `${ctx.trigger}: ${report}`;
  }
  @select("clean") channel(orders: Order[]) {
    return route(orders.length > 1 ? "mail" : "phone", orders.length);
  }
  @node("channel.mail") mail(count: number): string {
    return `mail ${count}`;
  }
  @node("channel.phone") phone(count: number): string {
    return `phone ${count}`;
  }
  @condition("clean") isCheap(orders: Order[]) {
    return decide(
      orders.every(({ price }) => price < 10),
      orders[0].price,
    );
  }
  @node("isCheap.false") expensive(price: number): number {
    return price;
  }
  @all("currency", "rates") summary(values: { currency: string; rates: number }): string {
    return `${values.rates} ${values.currency}`;
  }
  @node(optional("bulk"), "currency", { retry: 1 }) note(bulk: string | undefined, currency: string): string {
    return `${bulk ?? "none"} ${currency}`;
  }
}

@workflow({ name: "lamp", errorState: "broken" })
export class Lamp {
  switched = 0;

  @state({ initial: true, to: ["on"] }) off(times: number) {
    return next("on", times);
  }
  @state({ to: ["off", "on", "burnt"] }) async on(times: number, ctx: FsmContext) {
    this.switched++;
    if (times < 0) throw new Error("no such lamp");
    return ctx.cycle > 2 ? next("burnt", { after: this.switched }) : next("on", times);
  }
  @state({ terminal: true }) burnt(info: { after: number }) {
    return stop(`burnt after ${info.after}`);
  }
  @state() broken(error: Error) {
    return error.message;
  }
}

/** The classes that class decorators were called with, the innermost decorator first. */
export const given: unknown[] = [];

/** A third-party decorator that stores metadata about the class, like dependency injection containers do. */
export function noted(target: object): void {
  given.push(target);
  Reflect.defineMetadata("noted", [Date], target);
}

@noted
@workflow({ name: "counted" })
export class Counted {
  static made = 0;
  constructor(readonly date: Date = new Date(0)) {
    Counted.made++;
  }
  @node time(): number {
    return this.date.getTime();
  }
}

@workflow({ name: "turned" })
@noted
export class Turned {
  @node one(): number {
    return 1;
  }
}
