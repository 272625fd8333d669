import { describe, expect, it } from "vitest";
import { Dag, map, node, optional, stream, type Item } from "dagwright";

class Rows {
  closed = 0;

  @node async *rows(): AsyncGenerator<number> {
    try {
      for (let i = 0; i < 5; i++) yield i;
    } finally {
      this.closed++;
    }
  }
  @map(stream("rows"), { concurrency: 2 }) double(row: Item<number>): number {
    return row * 2;
  }
  @node(stream("double")) async sum(doubles: AsyncIterable<number>): Promise<number> {
    let sum = 0;
    for await (const each of doubles) sum += each;
    return sum;
  }
  @node(optional(stream("rows")), { retry: 1 }) async first(
    rows: AsyncIterable<number> | undefined,
  ): Promise<number | undefined> {
    for await (const row of rows ?? []) return row;
    return undefined;
  }
  @node *words(): Generator<string> {
    yield "a";
    yield "b";
  }
  @node("words") text(words: string[]): string {
    return words.join("");
  }
}

describe("Streams between methods with legacy decorators", () => {
  it("work as with standard ones", async () => {
    for (const mode of ["sequential", "async"] as const) {
      const rows = new Rows();
      const run = await Dag.from(rows).run({ mode });
      expect({ ...run.results }).toEqual({ sum: 20, first: 0, words: ["a", "b"], text: "ab" });
      expect(rows.closed).toBe(1);
    }
  });
});
