import { describe, it } from "vitest";
import { cases, node, route, switchOn, type Context } from "dagwright";
import { expectSwitching } from "../support/switching.js";

export class Letters {
  readonly from = "post@x";
  @node pick(label: string, value: unknown) {
    return route(label, value);
  }
  @node fee() {
    return 7;
  }
  mail(value: unknown, _fee: number, ctx: Context) {
    return `<${this.from}> mails ${String(value)} by ${ctx.nodeName}`;
  }
  @switchOn("pick", "fee") deliver = cases({
    // eslint-disable-next-line @typescript-eslint/unbound-method -- cases are called with the instance as this
    email: Letters.prototype.mail,
    post: (value: unknown, fee: number) => `posts ${String(value)} for ${fee}`,
  });
}

describe("@switchOn as a legacy decorator", () => {
  it("sends a value on by its label, to cases with the instance as this", { tags: "slow" }, () =>
    expectSwitching(Letters),
  );
});
