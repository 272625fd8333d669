import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, InvalidNodeError } from "dagwright";
import type * as classes from "./wrapped.js";

/** Specs for methods that decorators, spies and children replace, with either kind of decorators. */
export function replacedMethodsContract(kind: string, wrapped: typeof classes): void {
  const { Above, Below, Machine, Kept, Rests, Child, Rewired, Shared, AlsoShared, Filled, mixin, calls } = wrapped;
  beforeEach(() => void (calls.length = 0));
  afterEach(() => void vi.restoreAllMocks());

  describe(`A method with ${kind} decorators`, () => {
    it("is a node, with its own parameters and context, under another decorator that wraps it", async () => {
      const dag = Dag.from(Above);
      expect([...dag]).toEqual(["load", "twice", "isBig", "big"]);
      const run = await dag.run();
      expect(run.outputs).toEqual({ twice: "4 for twice", big: "big 2" });
      expect(calls.sort()).toEqual(["isBig", "load", "twice"]);
    });

    it("is a node above another decorator", async () => {
      expect((await Dag.from(Below).run()).value).toBe(4);
      expect(calls).toEqual(["load", "twice"]);
    });

    it("is a state under another decorator that wraps it", async () => {
      const run = await Fsm.from(Machine).run({ inputs: { order: 5 } });
      expect(run.value).toBe("start 5 in cycle 1");
      expect(calls).toEqual(["start", "end"]);
    });

    it("keeps its spec when a child overrides it, with the child's parameters unless these are rest parameters", async () => {
      const run = await Dag.from(Child).run({ inputs: { seed: 30 } });
      expect(run.outputs).toEqual({ twice: "child 60 for twice", big: "big 30" });
      expect(calls).toContain("twice");
    });

    it("has the spec of the nearest class that decorated it, even if both are wrapped", async () => {
      expect((await Dag.from(Rewired).run()).get("twice")).toBe("7 in twice");
      expect((await Dag.from(Above).run()).get("twice")).toBe("4 for twice");
      expect((await Dag.from(Rewired).run()).get("twice")).toBe("7 in twice");
    });

    it("keeps its own spec when several methods share one function", async () => {
      expect((await Dag.from(Shared).run()).value).toBe(100);
      expect((await Dag.from(AlsoShared).run()).value).toBe(20);
      expect((await Dag.from(Shared).run()).value).toBe(100);
    });

    it("is a node if it comes from an abstract base or a mixin", async () => {
      expect((await Dag.from(Filled).run()).value).toBe("June: rain");
      class Both extends mixin(Filled) {}
      expect((await Dag.from(Both).run()).outputs).toEqual({ report: "June: rain", mixed: "mixed in" });
      class Other extends mixin(Object) {}
      expect([...Dag.from(Other)]).toEqual(["mixed"]);
    });

    it("is replaced by a spy on the prototype, made before or after Dag.from, until that is restored", async () => {
      const early = vi.spyOn(Below.prototype, "load").mockReturnValue(5);
      const dag = Dag.from(Below);
      expect((await dag.run()).value).toBe(10);
      early.mockRestore();
      expect((await dag.run()).value).toBe(4);
      const late = vi.spyOn(Below.prototype, "twice").mockImplementation((load) => load + 100);
      expect((await dag.run()).value).toBe(102);
      expect(dag.runSync().value).toBe(102);
      expect((await dag.clone().step()).node).toBe("load");
      expect(late).toHaveBeenCalledTimes(2);
      late.mockRestore();
      expect((await dag.run()).value).toBe(4);
    });

    it("is replaced by a spy on the instance, which gets the method's parameters", async () => {
      const own = new Above();
      const dag = Dag.from(own);
      const spy = vi.spyOn(own, "twice").mockImplementation((load, ctx) => `${load} spied in ${ctx.nodeName}`);
      expect((await dag.run()).get("twice")).toBe("2 spied in twice");
      expect((await Dag.from(own).run()).get("twice")).toBe("2 spied in twice");
      spy.mockRestore();
      expect((await dag.run()).get("twice")).toBe("4 for twice");
    });

    it("is replaced by a spy on a child's prototype", async () => {
      class Heir extends Above {}
      const spy = vi.spyOn(Heir.prototype, "twice").mockImplementation((load, ctx) => `${load} in ${ctx.nodeName}`);
      expect((await Dag.from(Heir).run()).get("twice")).toBe("2 in twice");
      expect(spy).toHaveBeenCalledTimes(1);
      expect((await Dag.from(Above).run()).get("twice")).toBe("4 for twice");
    });

    it("is replaced by a spy as a state, too", async () => {
      const fsm = Fsm.from(Machine);
      const spy = vi.spyOn(Machine.prototype, "end");
      expect((await fsm.run({ inputs: { order: 5 } })).value).toBe("start 5 in cycle 1");
      expect(spy).toHaveBeenCalledTimes(1);
      expect(fsm.runSync({ inputs: { order: 6 } }).value).toBe("start 6 in cycle 1");
      expect(spy).toHaveBeenCalledTimes(2);
    });

    it("is replaced by the function that an accessor returns", async () => {
      class Lazy extends Above {}
      Object.defineProperty(Lazy.prototype, "load", { get: () => () => 3, configurable: true });
      const dag = Dag.from(Lazy);
      expect((await dag.run()).get("twice")).toBe("6 for twice");
      expect((await dag.run()).get("twice")).toBe("6 for twice");
    });

    const binds = class extends Kept {};
    for (const key of ["slow", "fails"] as const) {
      const fn: () => unknown = Reflect.get(Kept.prototype, key);
      Object.defineProperty(binds.prototype, key, { get: () => fn.bind({}), configurable: true });
    }
    const traces = () =>
      new Proxy(new Kept(), {
        get(target, key) {
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function" && key !== "constructor" ? value.bind(target) : value;
        },
      });
    it.each([
      ["a getter that binds", () => Dag.from(new binds())],
      ["a proxy that traces", () => Dag.from(traces())],
    ])("keeps its cache and its circuit when %s returns another function each time", async (_, make) => {
      const dag = make();
      for (let i = 0; i < 4; i++) {
        const run = await dag.run({ errorStrategy: "continue" });
        expect(run.get("slow")).toBe(1);
      }
      expect(calls.filter((call) => call === "fails")).toHaveLength(2);
      // Another dag of the class has its own cache, and shares the circuit.
      await make().run({ errorStrategy: "continue" });
      expect(calls.filter((call) => call === "fails")).toHaveLength(2);
    });

    it("is a state that gets the previous value, even if it wraps a function with rest parameters", async () => {
      expect((await Fsm.from(Rests).run()).value).toBe(8);
    });

    it("is refused by name when it is no longer a function, before or after the dag is made", async () => {
      class Emptied extends Below {}
      const emptied = new Emptied();
      Object.assign(emptied, { twice: 5 });
      expect(() => Dag.from(emptied)).toThrow(InvalidNodeError);
      expect(() => Dag.from(emptied)).toThrow(/"twice" of class "Emptied" was decorated.*received 5/u);
      const dag = Dag.from(Below);
      const load = Object.getOwnPropertyDescriptor(Below.prototype, "load") as PropertyDescriptor;
      try {
        delete (Below.prototype as Partial<typeof Below.prototype>).load;
        expect(() => Dag.from(Below)).toThrow(/"load" of class "Below" was decorated.*received undefined/u);
        await expect(dag.run()).rejects.toThrow(/"load" of class "Below" was decorated/u);
      } finally {
        Object.defineProperty(Below.prototype, "load", load);
      }
      expect((await dag.run()).value).toBe(4);
    });

    it("is found by its function when no constructor ran, and when it was copied to another class", async () => {
      class Target {}
      for (const key of ["load", "twice"] as const) {
        Object.defineProperty(Target.prototype, key, Object.getOwnPropertyDescriptor(Below.prototype, key) as object);
      }
      expect((await Dag.from(Target as unknown as typeof Below).run()).value).toBe(4);
      expect((await Dag.from(Object.create(Below.prototype) as InstanceType<typeof Below>).run()).value).toBe(4);
    });
  });
}
