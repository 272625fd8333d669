import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { buildChanging, changingDags, INPUTS } from "../../support/changing-dag.js";
import { sleep, turns } from "../../support/waiting.js";

const rejections: unknown[] = [];
const note = (reason: unknown) => void rejections.push(reason);
afterEach(() => void process.removeListener("unhandledRejection", note));

const values = fc.constantFrom(0, 1, 2, 3, "x", undefined, null);
const steps = fc.array(
  fc.record({ input: fc.constantFrom(...INPUTS), value: values, wait: fc.constantFrom(-1, 0, 1, 2, 4, 9) }),
  { maxLength: 10 },
);
const limits = fc.record({
  concurrency: fc.constantFrom(1, 2, Infinity),
  mode: fc.constantFrom("sequential", "async"),
});

describe("Whatever is set, and whenever it is closed, a live dag", () => {
  it("tells subscribers of changes alone, in order, up to the last value", async () => {
    await fc.assert(
      fc.asyncProperty(changingDags(8), steps, limits, fc.nat(3), async (nodes, changes, options, resets) => {
        const dag = buildChanging(nodes);
        const names = dag.inputs.map(({ name }) => name);
        await using live = dag.live({
          ...(options as object),
          inputs: Object.fromEntries(names.map((name) => [name, 1])),
        });
        const heard = new Map<string, unknown[]>();
        let left = resets;
        for (const name of dag) {
          heard.set(name, [undefined]);
          live.subscribe(name, (value) => {
            heard.get(name)?.push(value);
            if (names.length > 0 && left-- > 0) live.set(names[0], left);
          });
        }
        for (const { input, value, wait } of changes) {
          if (names.includes(input)) live.set(input, value);
          if (wait >= 0) await turns(wait);
          else await live.settled();
        }
        await live.settled();
        for (const [name, list] of heard) {
          expect(list.at(-1)).toBe(live.get(name));
          // To have undefined, and to have no value, are not the same.
          for (let k = 1; k < list.length; k++)
            expect(list[k] !== undefined && Object.is(list[k], list[k - 1])).toBe(false);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("runs nothing after it is closed, and leaves no rejection unhandled", async () => {
    process.on("unhandledRejection", note);
    await fc.assert(
      fc.asyncProperty(changingDags(8), steps, limits, fc.nat(12), async (nodes, changes, options, delay) => {
        let isClosed = false;
        const late: string[] = [];
        const dag = buildChanging(nodes, (name) => isClosed && late.push(name));
        const names = dag.inputs.map(({ name }) => name);
        const live = dag.live({ ...(options as object), inputs: Object.fromEntries(names.map((name) => [name, 1])) });
        for (const name of dag) live.subscribe(name, () => isClosed && late.push(`told of ${name}`));
        for (const { input, value, wait } of changes) {
          if (names.includes(input)) live.set(input, value);
          if (wait >= 0) await turns(wait);
        }
        await turns(delay);
        const settled = live.settled();
        const closing = live.close();
        isClosed = true;
        await Promise.all([settled, closing, live.close()]);
        await turns(30);
        await sleep(0);
        expect([late, rejections]).toEqual([[], []]);
        for (const name of dag) expect(live.status(name)).toMatch(/completed|failed|skipped|cancelled/u);
      }),
      { numRuns: 150 },
    );
  });
});
