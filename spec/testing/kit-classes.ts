import { condition, next, node, route, select, state, stop, type Context } from "dagwright";

export class Shop {
  constructor(readonly factor = 1) {}

  @node fetch(): number[] {
    throw new Error("no network");
  }
  @node("fetch") clean(orders: number[]): number[] {
    return orders.filter((order) => order > 0);
  }
  @node("clean") async total(orders: number[], ctx: Context): Promise<string> {
    const sum = orders.reduce((all, order) => all + order, 0) * this.factor;
    return `${sum} ${String(ctx.metadata.currency)} (${ctx.attempt}) ${String(ctx.get("clean"))}`;
  }
  @condition("clean") isLarge(orders: number[]): boolean {
    return orders.length > 2;
  }
  @select("total") channel(total: string) {
    return route<"mail" | "phone", string>("mail", total);
  }
  @node("channel.mail") mail(total: string): string {
    return total;
  }
  @node("channel.phone") phone(total: string): string {
    return total;
  }
  @node *pages(): Generator<number> {
    yield* [1, 2, 3];
  }
}

export class Door {
  @state({ initial: true, to: ["open"] }) closed(pushes: number) {
    return next("open", pushes + 1);
  }
  @state({ terminal: true }) open(pushes: number) {
    return stop(`${pushes} pushes`);
  }
}
