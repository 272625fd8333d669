import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dag, StreamError, type StreamInput } from "dagwright";
import { turns } from "../../support/waiting.js";

/** How long an item takes, in microtasks, and whether it fails. */
interface Item {
  readonly pace: number;
  readonly fails: boolean;
}

/** A dag over items, whose nodes count what is in flight. */
function observed(items: readonly Item[]) {
  const seen = { begun: 0, inFlight: 0, most: 0, pulled: 0, closed: 0, aside: [] as number[] };
  const dag = new Dag("items");
  dag.node("begin", (n: number) => {
    seen.begun++;
    seen.most = Math.max(seen.most, ++seen.inFlight);
    return n;
  });
  dag.node("work", { needs: ["begin"] }, async (n: number) => {
    await turns(items[n].pace);
    seen.inFlight--;
    if (items[n].fails) throw new Error(`no ${n}`);
    return 2 * n;
  });
  dag.node("end", { needs: ["work"] }, (n: number) => n + 1);
  async function* source(): AsyncGenerator<number> {
    try {
      for (let n = 0; n < items.length; n++) {
        seen.pulled++;
        yield n;
      }
    } finally {
      seen.closed++;
    }
  }
  return { dag, seen, source };
}

const itemsOf = fc.array(fc.record({ pace: fc.nat(12), fails: fc.integer({ min: 0, max: 5 }).map((n) => n === 0) }), {
  maxLength: 40,
});

const options = fc.record({
  mode: fc.constantFrom("sequential" as const, "async" as const),
  concurrency: fc.integer({ min: 1, max: 8 }),
  ordered: fc.boolean(),
  onItemError: fc.constantFrom("fail" as const, "skip" as const, "deadLetter" as const),
  limit: fc.constantFrom(undefined, 1, 3),
});

describe("A dag over a random stream", () => {
  it(
    "gives what running the items one by one gives, and leaves nothing behind when it is left",
    { tags: "slow" },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          itemsOf,
          options,
          fc.integer({ min: 1, max: 50 }),
          async (items, { limit, ...chosen }, left) => {
            const { dag, seen, source } = observed(items);
            const { concurrency, ordered, onItemError } = chosen;
            const nodeConcurrency = limit === undefined ? {} : { work: limit };
            const aside = ({ index }: StreamInput) => void seen.aside.push(index);
            const deadLetter = onItemError === "deadLetter" ? aside : undefined;
            const given = { ...chosen, nodeConcurrency, deadLetter, input: "n" } as const;
            const bad = items.flatMap(({ fails }, n) => (fails ? [n] : []));
            const read: (readonly [number, unknown])[] = [];
            let error: unknown;
            try {
              for await (const { index, run } of dag.stream(source(), given)) {
                read.push([index, run.get("end")]);
                expect(seen.pulled).toBeLessThanOrEqual(read.length + bad.length + concurrency);
                if (read.length === left) break;
              }
            } catch (thrown) {
              error = thrown;
            }

            expect(seen.closed).toBe(1);
            const { pulled, begun } = seen;
            await turns(60);
            expect([seen.pulled, seen.begun, seen.closed]).toEqual([pulled, begun, 1]);
            expect(seen.most).toBeLessThanOrEqual(concurrency);

            const fails = (n: number) => items[n].fails;
            const good = items.flatMap((item, n) => (item.fails ? [] : [[n, 2 * n + 1] as const]));
            const ends = onItemError === "fail" && bad.length > 0;
            for (const [n, value] of read) expect([fails(n), value]).toEqual([false, 2 * n + 1]);
            expect(new Set(read.map(([n]) => n)).size).toBe(read.length);
            if (ordered) expect(read).toEqual(good.slice(0, read.length));
            if (error !== undefined) {
              expect(error).toBeInstanceOf(StreamError);
              expect([ends, fails((error as StreamError).index)]).toEqual([true, true]);
              if (ordered) expect([(error as StreamError).index, read.length]).toEqual([bad[0], bad[0]]);
            } else if (read.length !== left) {
              expect(ends).toBe(false);
              expect([...read].sort(([a], [b]) => a - b)).toEqual(good);
              expect(seen.aside.sort((a, b) => a - b)).toEqual(onItemError === "deadLetter" ? bad : []);
            }
          },
        ),
        { numRuns: 300 },
      );
    },
  );
});
