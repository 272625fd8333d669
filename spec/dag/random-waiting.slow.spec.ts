import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { useFakeTime } from "../support/fake-time.js";
import { checkProgram, programs } from "../support/random-waiting.js";

useFakeTime();

describe.each(["ctx.run", "run"] as const)("A program of streams, maps, keys, throttles, caches and %s", (how) => {
  it("ends without errors and within all limits, if who holds a key waits only for later keys", async () => {
    expect.hasAssertions();
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        await expect(checkProgram(program, how, true)).resolves.toBeUndefined();
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it("ends with a result, or with an error that names a circle of keys, whoever holds keys", async () => {
    expect.hasAssertions();
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        await expect(checkProgram(program, how, false)).resolves.toBeUndefined();
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
