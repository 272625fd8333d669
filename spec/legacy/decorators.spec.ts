import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { condition, Dag, node, workflow, type Backend } from "dagwright";
import { decoratorContract } from "../support/decorators.contract.js";
import type * as standard from "../support/orders.js";
import * as classes from "./orders.js";

decoratorContract("legacy", classes as unknown as typeof standard);

describe("Legacy decorators", () => {
  it("are tested with the same class as standard decorators, line by line", () => {
    const [legacy, standard] = ["./orders.ts", "../support/orders.ts"].map((file) =>
      readFileSync(new URL(file, import.meta.url), "utf8")
        .split("\n")
        .slice(1),
    );
    expect(legacy).toEqual(standard);
  });

  it("refuse static members and fields when the class is defined", () => {
    expect(() => {
      class Static {
        @(node as any) static run() {}
      }
      return Static;
    }).toThrow(/"run" is static/u);
    expect(() => {
      class Field {
        @(condition as any) run = 1;
      }
      return Field;
    }).toThrow(/"run" is a field/u);
    class Held {
      @(node as any) run = 1;
    }
    expect(() => Dag.from(Held)).toThrow('"run" of class "Held" is a decorated field, so it must hold a workflow');
  });

  it("take fields for nodes whose backend has what they do", async () => {
    const echo: Backend = { name: "echo", run: ({ inputs }) => ({ ...inputs }) };
    class Order {
      @node price(): number {
        return 5;
      }
      @node({ backend: echo, params: ["price"] }) tax!: (price: number) => object;
    }
    expect((await Dag.from(Order).run({ mode: "hybrid" })).get("tax")).toEqual({ price: 5 });
  });

  it("wire by class, from the metadata that compilers emit", async () => {
    class Order {}
    class Report {
      constructor(readonly order: Order) {}
    }
    const metadata = (types: unknown[], returns: unknown) => (target: object, key: string) => {
      Reflect.defineMetadata("design:paramtypes", types, target, key);
      Reflect.defineMetadata("design:returntype", returns, target, key);
    };
    @workflow({ wiring: "type" })
    class Typed {
      @node @metadata([], Order) load() {
        return new Order();
      }
      @node @metadata([Order], Report) write(anything: Order) {
        return new Report(anything);
      }
    }
    const run = await Dag.from(Typed).run();
    expect(run.get("write").order).toBe(run.get("load"));
  });
});
