import { describe, expect, it } from "vitest";
import { Dag, Fsm, type RunResult } from "dagwright";
import type * as classes from "./orders.js";

/** Specs for annotated classes, with either kind of decorators. */
export function decoratorContract(kind: string, { Orders, Lamp, Counted, Turned, given }: typeof classes): void {
  describe(`A class with ${kind} decorators`, () => {
    it("runs as a dag", async () => {
      const dag = Dag.from(Orders);
      const run = await dag.run({ mode: "async" });
      expect(dag.name).toBe("orders");
      expect(dag.description).toBe("a report");
      expect(run.workflow).toBe("orders");
      expect(run.get("publish")).toBe("small: small 2");
      expect(run.get("mail")).toBe("mail 2");
      expect(run.get("expensive")).toBe(5);
      expect(run.get("summary")).toBe("2 EUR");
      expect(run.get("note")).toBe("none EUR");
      expect(run.get("isLarge")).toEqual(run.get("clean"));
      expect(run.has("bulk")).toBe(false);
      expect(run.context.metadata).toEqual({ cleaned: 2 });
      expect(run.nodes.get("phone")).toMatchObject({ status: "skipped", skippedBy: "channel.phone" });
    });

    it("uses one instance for all runs, or the one it is given", async () => {
      const orders = new Orders([1, 2, 3]);
      const dag = Dag.from(orders);
      expect((await dag.run()).get("publish")).toBe("bulk: bulk 3");
      await dag.run();
      expect(orders.calls).toBe(2 + 100);
    });

    it("lets a subclass inherit and override its nodes", async () => {
      class Doubled extends Orders {
        override fetch() {
          return [...super.fetch(), ...super.fetch()];
        }
      }
      const run: RunResult<any> = await Dag.from(Doubled).run();
      expect(run.workflow).toBe("Doubled");
      expect(run.get("publish")).toBe("bulk: bulk 4");
    });

    it("keeps the order of declaration", () => {
      expect([...Dag.from(Orders)].slice(0, 4)).toEqual(["fetch", "currency", "clean", "rates"]);
    });

    it("is valid except, under strict, for a branch that leads nowhere", () => {
      const dag = Dag.from(Orders);
      expect(dag.isValid).toBe(true);
      expect(dag.validate()).toEqual([
        expect.objectContaining({ severity: "warning", code: "MISSING_CONNECTION", nodes: ["isCheap"] }),
      ]);
      expect(() => dag.validateOrThrow({ strict: true })).toThrow(/"isCheap".*"isCheap\.true"/u);
    });

    it("stays the same class under @workflow, with its metadata and subclasses", async () => {
      expect(given).toEqual([Counted, Turned]);
      expect(Counted.length).toBe(0);
      expect(Reflect.getOwnMetadata("noted", Counted)).toEqual([Date]);
      expect(Reflect.getOwnMetadata("noted", Turned)).toEqual([Date]);
      const before = Counted.made;
      const counted = new Counted(new Date(5));
      expect(Counted.made).toBe(before + 1);
      expect(counted.constructor).toBe(Counted);
      expect(counted).toBeInstanceOf(Counted);
      class Child extends Counted {}
      expect(new Child()).toBeInstanceOf(Counted);
      expect(Object.getPrototypeOf(Child)).toBe(Counted);
      expect((await Dag.from(counted).run()).value).toBe(5);
      expect([Dag.from(Counted).name, Dag.from(Turned).name, Dag.from(Child).name]).toEqual([
        "counted",
        "turned",
        "Child",
      ]);
    });

    it("runs as an fsm", async () => {
      const fsm = Fsm.from(Lamp);
      const run = await fsm.run({ inputs: { times: 1 } });
      expect(run.workflow).toBe("lamp");
      expect(run.stateHistory).toEqual(["off", "on", "on", "on", "burnt"]);
      expect(run.value).toBe("burnt after 3");
      expect(run.get("on")).toEqual({ after: 3 });
      expect((await fsm.run({ inputs: { times: -1 } })).value).toBe("no such lamp");
      expect(() => Dag.from(Lamp)).toThrow(/no method with @node/u);
      expect(() => Fsm.from(Orders)).toThrow(/no method with @state/u);
    });
  });
}
