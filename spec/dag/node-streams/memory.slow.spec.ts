import { describe, expect, it } from "vitest";
import { Dag, map, node, stream, type Item } from "dagwright";
import { heapInUse } from "../../support/garbage.js";

const mode = "async";

describe("A stream", () => {
  it("stays small over a million items", async () => {
    class Million {
      @node *nums(): Generator<number> {
        for (let i = 0; i < 1_000_000; i++) yield i;
      }
      @map(stream("nums")) double(n: Item<number>): number {
        return n * 2;
      }
      @node(stream("double")) async sum(doubles: AsyncIterable<number>): Promise<[number, number]> {
        let sum = 0;
        let most = 0;
        for await (const each of doubles) {
          sum += each;
          if (each % 200_000 === 0) most = Math.max(most, heapInUse());
        }
        return [sum, most];
      }
    }
    const before = heapInUse();
    const run = await Dag.from(Million).run({ mode });
    const [sum, most] = run.get("sum");
    expect(sum).toBe(999_999_000_000);
    expect(run.has("double")).toBe(false);
    expect(run.nodes.get("double")?.items).toMatchObject({ total: 1_000_000, completed: 1_000_000 });
    expect(most - before).toBeLessThan(20_000_000);
  });
});
