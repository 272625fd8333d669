import { describe, expect, it, vi } from "vitest";
import { cachedNode, Dag, InvalidNodeError, node, workflow } from "dagwright";
import { decoratorContract } from "../support/decorators.contract.js";
import * as classes from "../support/orders.js";

decoratorContract("standard", classes);

describe("Decorators", () => {
  it("refuse a class without decorated methods", () => {
    class Empty {}
    expect(() => Dag.from(Empty)).toThrow(/"Empty" has no method with @node/u);
    expect(() => Dag.from(null as never)).toThrow(InvalidNodeError);
    expect(() => Dag.from((() => 1) as never)).toThrow(InvalidNodeError);
  });

  it("refuse invalid nodes when the class is defined", () => {
    expect(() => {
      class Static {
        @(node as any) static run() {}
      }
      return Static;
    }).toThrow(/public instance methods.*"run" is static/u);
    expect(() => {
      class WithAccessor {
        @(node as any) accessor value = () => 1;
      }
      return WithAccessor;
    }).toThrow(/public instance methods.*"value" is an accessor/u);
    expect(() => {
      class Private {
        @(node as any) #run() {}
        call() {
          this.#run();
        }
      }
      return Private;
    }).toThrow(/private/u);
    expect(() => {
      class Symbolic {
        @(node as any) [Symbol.iterator]() {}
      }
      return Symbolic;
    }).toThrow(/symbol/u);
    expect(() => {
      class Dotted {
        @node({ name: "a.b" }) run() {}
      }
      return Dotted;
    }).toThrow(InvalidNodeError);
    expect(() => node("a", { needs: ["b"] as never })).toThrow(/has needs both as arguments and in "needs"/u);
    expect(() => workflow({ nmae: "x" } as never)).toThrow(/Unknown option "nmae" of @workflow.*"name"/u);
  });

  it("rename a node for both needs and look-ups", async () => {
    class Renamed {
      @node({ name: "source" }) load() {
        return 1;
      }
      @node("source" as string) next(x: number) {
        return x + 1;
      }
    }
    const run = await Dag.from(Renamed).run();
    expect(run.get("next")).toBe(2);
    expect(run.has("source" as never)).toBe(true);
  });

  it("call the function that replaces a method on the instance, with the method's parameters", async () => {
    class Bound {
      constructor() {
        this.next = this.next.bind(this);
      }
      @node first() {
        return 1;
      }
      @node({ params: ["first"] }) next(first: number) {
        return first + 1;
      }
    }
    const bound = new Bound();
    const spy = vi.spyOn(bound, "first").mockReturnValue(41);
    expect((await Dag.from(bound).run()).get("next")).toBe(42);
    expect(spy).toHaveBeenCalledTimes(1);
  });

  it("refuse two methods with the same name", () => {
    class Twice {
      @node({ name: "x" }) a() {}
      @node({ name: "x" }) b() {}
    }
    expect(() => Dag.from(Twice)).toThrow(InvalidNodeError);
  });

  it("let a subclass replace an inherited spec", async () => {
    class Parent {
      @node a() {
        return 1;
      }
      @node b() {
        return 10;
      }
      @node("a") c(x: number) {
        return x;
      }
    }
    class Child extends Parent {
      @node("b") override c(x: number) {
        return x + 1;
      }
    }
    expect((await Dag.from(Child).run()).get("c")).toBe(11);
    expect((await Dag.from(Parent).run()).get("c")).toBe(1);
  });

  it("support static private members with @workflow", async () => {
    @workflow()
    class Counting {
      static #made = 0;
      static next(): number {
        return ++this.#made;
      }
      @node count(): number {
        return Counting.next() + Counting.#made;
      }
    }
    expect(Counting.next()).toBe(1);
    expect((await Dag.from(Counting).run()).value).toBe(4);
  });

  it("inherit the options of @workflow, but not its name", () => {
    @workflow({ name: "base", autowire: false })
    class Base {
      @node a() {}
    }
    class Derived extends Base {
      @node({ params: ["a"] }) b(a: unknown) {
        return a;
      }
    }
    const dag = Dag.from(Derived);
    expect(dag.name).toBe("Derived");
    expect(() => dag.runSync()).toThrow(/lacks input "a"/u);
    expect(Dag.from(Base).name).toBe("base");
  });

  it("cache the results of a cached node by its inputs, until its ttl", async () => {
    let calls = 0;
    class Cached {
      @cachedNode({ ttl: 60_000 }) slow(key: unknown) {
        calls++;
        return [key, calls];
      }
    }
    const dag = Dag.from(Cached);
    const get = async (key: unknown) => (await dag.run({ inputs: { key } })).get("slow")?.[1];
    const date = new Date(5);
    expect([await get({ a: [1, date] }), await get({ a: [1, new Date(5)] }), await get({ a: [1] })]).toEqual([1, 1, 2]);
    expect(dag.lastRun?.nodes.get("slow")).toMatchObject({ cached: false, attempts: 1 });
    await get({ a: [1] });
    expect(dag.lastRun?.nodes.get("slow")).toMatchObject({ cached: true, attempts: 0, status: "completed" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    expect(await get({ a: [1] })).toBe(3);
    vi.useRealTimers();
    await expect(get(() => 1)).rejects.toThrow(/Node "slow" is cached, but its inputs can.t be compared/u);
  });

  it("cache undefined and null, but not failures", async () => {
    let calls = 0;
    class Cached {
      @cachedNode nothing() {
        calls++;
      }
      @cachedNode({ errorStrategy: "continue" }) fails() {
        calls += 10;
        throw new Error("no");
      }
    }
    const dag = Dag.from(Cached);
    await dag.run();
    await dag.run();
    expect(calls).toBe(21);
  });
});
