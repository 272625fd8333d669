import { describe, expect, it } from "vitest";
import { Dag, Fsm, node, state, subworkflow, workflow, type Context } from "dagwright";

class Validation {
  @node load(order: string) {
    return `${order}!`;
  }
  @node("load") verdict(load: string) {
    return load.length > 3;
  }
}

@workflow({ name: "orders" })
class Orders {
  @node fetch() {
    return "book";
  }
  @node("fetch") check = subworkflow(Validation, { output: "verdict" });
  @node({ needs: ["fetch"], retry: 1 }) lazy = subworkflow(() => Later);
  @node("check", "check.load") ship(verdict: boolean, load: string) {
    return [verdict, load];
  }
  @node("ship") async again(ship: unknown[], ctx: Context) {
    return (await ctx.run(Validation, { inputs: { order: String(ship[1]) } })).get("load") as string;
  }
}

class Later {
  @node end(order: string) {
    return order.toUpperCase();
  }
}

class Review {
  @state({ initial: true, terminal: true }) review = subworkflow(Validation, { output: "verdict" });
}

describe("Legacy decorators", () => {
  it("make fields nodes that are workflows", async () => {
    const dag = Dag.from(Orders);
    expect([...dag]).toEqual(["fetch", "check", "lazy", "ship", "again"]);
    const run = await dag.run();
    expect(run.get("ship")).toEqual([true, "book!"]);
    expect(run.get("lazy.end")).toBe("BOOK");
    expect(run.get("again")).toBe("book!!");
  });

  it("make fields states that are workflows", async () => {
    const run = await Fsm.from(Review).run({ inputs: { order: "x" } });
    expect(run.value).toBe(false);
    expect(run.get("review.load")).toBe("x!");
  });

  it("refuse other fields when the workflow is made", () => {
    class Wrong {
      // @ts-expect-error: a field must hold a workflow.
      @node plain = 1;
    }
    expect(() => Dag.from(Wrong)).toThrow(/"plain" of class "Wrong" is a decorated field.*subworkflow/su);
  });
});
