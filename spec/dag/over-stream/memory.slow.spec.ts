import { expect, it } from "vitest";
import { Dag } from "dagwright";
import { heapInUse } from "../../support/garbage.js";

async function heap(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  return heapInUse();
}

it.each([{ values: true }, {}, { ordered: false }, { onItemError: "skip" }] as const)(
  "A stream of 200,000 items keeps none of them: %o",
  async (options) => {
    const dag = new Dag("d");
    dag.node("a", (n: number) => {
      if (n % 3 === 0 && "onItemError" in options) throw new Error("skipped");
      return new Array<number>(100).fill(n);
    });
    dag.node("sum", { needs: ["a"] }, (list: number[]) => list.length);
    function* source() {
      for (let n = 0; n < 200_000; n++) yield { n };
    }
    let read = 0;
    let base = 0;
    let most = 0;
    for await (const item of dag.stream(source(), options as object)) {
      void item;
      read++;
      if (read === 10_000) base = await heap();
      if (read % 40_000 === 0) most = Math.max(most, await heap());
    }
    expect(read).toBe("onItemError" in options ? 133_333 : 200_000);
    // 100 bytes an item would be 19 MB.
    expect(most - base).toBeLessThan(8_000_000);
  },
);
