import { Dag, Fsm, next, route, stop, ValidationError } from "dagwright";
import { assertSameResults, explore, mock, runNode } from "dagwright/testing";
import { describe, expect, it } from "vitest";
import type * as classes from "./kit-classes.js";

/** What tests do with annotated classes, with either kind of decorators. */
export function kitContract(kind: string, { Shop, Door }: typeof classes): void {
  describe(`A class with ${kind} decorators`, () => {
    it("has nodes that run alone, with inputs by the names of parameters, and a context", async () => {
      expect(await runNode(Shop, "clean", { inputs: { orders: [3, -1, 2] } })).toEqual([3, 2]);
      const context = { metadata: { currency: "EUR" }, results: { clean: [1, 2] }, attempt: 3 };
      expect(await runNode(new Shop(2), "total", { inputs: { orders: [1, 2] }, context })).toBe("6 EUR (3) 1,2");
      expect(await runNode(Dag.from(Shop), "isLarge", { inputs: { orders: [1] } })).toBe(false);
      expect(await runNode(Shop, "channel", { inputs: { total: "6 EUR" } })).toEqual(route("mail", "6 EUR"));
      expect(await runNode(Shop, "pages")).toEqual([1, 2, 3]);
      await expect(runNode(Shop, "fetch")).rejects.toThrow("no network");
    });

    it("has states that run alone, and return what leads on", async () => {
      expect(await runNode(Door, "closed", { inputs: { pushes: 1 } })).toEqual(next("open", 2));
      expect(await runNode(Fsm.from(Door), "open", { inputs: { pushes: 2 } })).toEqual(stop("2 pushes"));
    });

    it("has mocks in the place of nodes and states, in a copy", async () => {
      const dag = Dag.from(Shop);
      const mocked = mock(dag, { fetch: () => [5, -5, 6], channel: (total) => route("phone", `call: ${total}`) });
      const run = await mocked.run({ metadata: { currency: "USD" } });
      expect(run.results).toMatchObject({ clean: [5, 6], total: "11 USD (1) 5,6", phone: "call: 11 USD (1) 5,6" });
      await expect(dag.run()).rejects.toThrow("no network");
      expect((await mock(Shop, { fetch: async () => [1] }).run()).get("clean")).toEqual([1]);
      const door = await mock(Door, { closed: () => next("open", 7) }).run({ inputs: { pushes: 0 } });
      expect(door.value).toBe("7 pushes");
    });

    it("gives the same results in all modes and orders", async () => {
      await assertSameResults(mock(Shop, { fetch: () => [1, 2] }), { modes: ["sequential", "async"] });
      expect(await explore(mock(Shop, { fetch: () => [1] }), { seeds: 20 })).toMatchObject({ deterministic: true });
    });

    it("is told what it does not have", async () => {
      await expect(runNode(Shop, "clen" as never)).rejects.toThrow('no node "clen". Did you mean "clean"?');
      await expect(runNode(Shop, "clean")).rejects.toMatchObject({ code: "MISSING_INPUT", missing: ["orders"] });
      const wrong = runNode(Shop, "clean", { inputs: { orders: [], ordrs: [] } });
      await expect(wrong).rejects.toThrow('"clean" takes no input "ordrs". Did you mean "orders"?');
      expect(() => mock(Door, { opn: () => stop() } as never)).toThrow('no state "opn". Did you mean "open"?');
      expect(() => mock(Shop, { fetch: [1] } as never)).toThrow('The mock of "fetch" must be a function');
      expect(() => mock(42 as never, {})).toThrow(TypeError);
      await expect(runNode(Shop, "clean", { input: {} } as never)).rejects.toThrow('Unknown option "input" of runNode');
      const context = { meta: {} } as never;
      await expect(runNode(Shop, "pages", { context })).rejects.toThrow('Unknown option "meta" of the context');
      await expect(runNode(new Dag("empty"), "a" as never)).rejects.toBeInstanceOf(ValidationError);
    });
  });
}
