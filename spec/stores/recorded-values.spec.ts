import { inspect } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { Dag, PauseRun } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { openDatabase } from "../support/sqlite.js";

const store = sqliteStore(openDatabase(":memory:"));
afterAll(() => store.close());

describe("A recorded value", () => {
  it("is restored exactly, including keys named __proto__", async () => {
    const evil = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>;
    const proto = new Dag("proto");
    proto.node("a", { params: ["e"] }, (e: unknown) => ({ e, bytes: [Buffer.from("abc")] }));
    proto.node("ask", { needs: ["a"], params: ["a"] }, () => {
      throw new PauseRun("?");
    });
    proto.node("use", { needs: ["a"], after: ["ask"], params: ["a"] }, ({ e, bytes }: any, { metadata }: any) => [
      Object.keys(e),
      Object.getPrototypeOf(e) === Object.prototype,
      Buffer.isBuffer(bytes[0]),
      Object.keys(metadata.m),
    ]);
    const context = { metadata: { m: evil } } as any;
    await proto.run({ store, runId: "p", inputs: { e: evil }, context });
    const resumed = await proto.resume("p", { store, provide: { ask: 1 } });
    expect(resumed.get("use")).toEqual([Object.keys(evil), true, true, Object.keys(evil)]);
    const run = await store.getRun("p");
    const { e, bytes } = run?.nodes.get("a")?.output as { e: object; bytes: Buffer[] };
    expect(Object.getOwnPropertyDescriptor(e, "__proto__")?.value).toEqual({ polluted: true });
    expect(Buffer.isBuffer(bytes[0])).toBe(true);
    store.redact("a.e.constructor");
    const shown = (await store.getRun("p"))?.nodes.get("a")?.output as { e: any };
    expect(shown.e.constructor).toBe("[redacted]");
    expect(Object.getPrototypeOf(shown.e)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(shown.e, "__proto__")?.value).toEqual({ polluted: true });
    expect(({} as any).polluted).toBeUndefined();
  });

  it("can be redacted in objects of any kind", async () => {
    class Card {
      number = "4711";
    }
    const hiding = sqliteStore(openDatabase(":memory:"), { types: { Card } });
    const error = Object.assign(new TypeError("4711", { cause: "4711" }), { token: "4711" });
    const values = {
      set: new Set(["4711"]),
      bytes: Buffer.from("4711"),
      error,
      card: new Card(),
      list: ["4711", 1],
      n: 1,
    };
    const secrets = new Dag("secrets");
    secrets.node("a", () => values);
    await secrets.run({ store: hiding, runId: "s" });
    for (const path of ["set.*", "bytes.*", "error.*", "card.number", "list[0]"]) hiding.redact(`a.${path}`);
    const output = (await hiding.getRun("s"))?.nodes.get("a")?.output as typeof values;
    expect(inspect(output, { depth: 9, showHidden: true })).not.toMatch(/4711/u);
    expect(output.error).toBeInstanceOf(TypeError);
    expect(output.card).toBeInstanceOf(Card);
    expect([output.n, output.list, Array.from(output.set)]).toEqual([1, ["[redacted]", 1], ["[redacted]"]]);
    await hiding.close();
  });
});
