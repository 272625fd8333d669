/** Workflows that pause, wait, fail, and take long. */
import { type Context, node, PauseRun, state, stop, waitForEvent, workflow } from "dagwright";

@workflow({ name: "order" })
export class Order {
  @node price(items = 2): number {
    return items * 10;
  }
  @node("price") approve(price: number): boolean {
    throw new PauseRun(`pay ${price}?`);
  }
  @node("price", "approve") ship(price: number, isApproved: boolean): string {
    return isApproved ? `shipped for ${price}` : "kept";
  }
}

@workflow({ name: "door" })
export class Door {
  @state({ initial: true }) closed() {
    return waitForEvent({ OPEN: "open" });
  }
  @state({ terminal: true }) open(by: string) {
    return stop(`opened by ${by}`);
  }
}

@workflow({ name: "slow" })
export class Slow {
  @node quick(): number {
    return 1;
  }
  @node("quick") slow(_: number, ctx: Context): Promise<never> {
    return new Promise((_, reject) => {
      const alive = setInterval(() => {}, 1000);
      ctx.signal.addEventListener("abort", () => {
        clearInterval(alive);
        reject(new Error("aborted"));
      });
    });
  }
}

@workflow({ name: "stubborn" })
export class Stubborn {
  @node never(): Promise<never> {
    setInterval(() => console.log("still here"), 50);
    return new Promise(() => {});
  }
}

@workflow({ name: "fails" })
export class Fails {
  @node break(): never {
    throw new Error("hostile \x1b[2J\nmessage");
  }
}
