import { expect, it } from "vitest";
import { Dag, event, node } from "dagwright";

class Orders {
  @node invoice(): number {
    return 10;
  }

  @event("invoice", { event: "PAID" })
  paid(payment: number, invoice: number): string {
    return `${payment} of ${invoice}`;
  }

  @node("paid", { delay: 1 })
  ship(paid: string): string {
    return `shipped for ${paid}`;
  }
}

it("Legacy decorators make methods wait for events and delays", async () => {
  const handle = Dag.from(Orders).start();
  await handle.send("PAID", 7);
  expect((await handle.result).value).toBe("shipped for 7 of 10");
});
