import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Dag, MissingInputError } from "dagwright";
import { until } from "../../support/waiting.js";

function limited(schema: z.ZodType = z.coerce.number().max(10).default(3)) {
  const dag = new Dag<any, any>("limited", { inputs: { limit: schema } } as never);
  dag.node("limit2", { params: ["limit", "factor"] }, (limit: number, factor: number) => limit * factor);
  return dag as Dag<any>;
}

describe("The schema of an input of a live dag", () => {
  it("checks and changes what it starts with, and what is set", async () => {
    await using live = limited().live({ inputs: { factor: 2 } });
    await live.settled();
    expect(live.get("limit2")).toBe(6);
    live.set("limit", "4");
    await live.settled();
    expect(live.get("limit2")).toBe(8);
    live.set({ limit: undefined, factor: 5 });
    await live.settled();
    expect(live.get("limit2")).toBe(15);
  });

  it("refuses a value, and with it the whole change", async () => {
    expect(() => limited().live({ inputs: { limit: 11, factor: 1 } })).toThrow(/Input "limit" is invalid/u);
    await using live = limited().live({ inputs: { factor: 2 } });
    expect(() => live.set({ factor: 9, limit: 11 })).toThrow(/Input "limit" is invalid/u);
    expect(() => live.set("limit", 11)).toThrow(/Input "limit" is invalid/u);
    expect(() => live.set("limits", 1)).toThrow(/takes no input "limits"/u);
    await live.settled();
    expect(live.get("limit2")).toBe(6);
  });

  it("without a default has undefined refused", async () => {
    const dag = limited(z.number());
    expect(() => dag.live({ inputs: { factor: 1 } })).toThrow(MissingInputError);
    await using live = dag.live({ inputs: { factor: 1, limit: 2 } });
    expect(() => live.set("limit", undefined)).toThrow(MissingInputError);
    await live.settled();
    expect(live.get("limit2")).toBe(2);
  });

  it("may not be asynchronous", () => {
    const dag = limited(z.number().refine(async () => true));
    expect(() => dag.live({ inputs: { factor: 1, limit: 2 } })).toThrow(
      'A live dag of "limited" can\'t have asynchronous schemas of inputs, since set returns at once. ' +
        "Check the values before you set them.",
    );
  });

  it("ends a source that gives what it refuses", async () => {
    let isClosed = false;
    async function* values() {
      try {
        yield 1;
        yield 99;
        yield 2;
      } finally {
        isClosed = true;
      }
    }
    await using live = limited().live({ inputs: { factor: 1 } });
    live.follow("limit", values());
    await until(() => isClosed);
    await live.settled();
    expect(live.get("limit2")).toBe(1);
    expect(live.errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^Input "limit" .* is no longer followed, because a value of its source was refused: .*invalid/su,
      ),
    ]);
  });
});
