import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { useFakeTime } from "../support/fake-time.js";
import { checkProgram, part, programs, type Program, type Step } from "../support/random-waiting.js";

useFakeTime();

const turn: Step = { kind: "turn", workflow: 0 };
const call: Step = { kind: "call", workflow: 0 };

/** Programs that exceeded a limit once, or hung. */
const EXAMPLES: Program[] = [
  {
    // Of a stream, one node works and one waits for a run inside, whose key is held by what waits for the stream's slot.
    workflows: [
      [
        part({ kind: "source", count: 2, isUnsteady: true, steps: [turn] }),
        part({ kind: "innerItems" }),
        part({ kind: "pass", steps: [call] }),
      ],
      [part({ kind: "source", key: 0, isUnsteady: true }), part({ kind: "map", steps: [turn] })],
    ],
    options: { mode: "async", concurrency: 1 },
    slots: 0,
    runs: 1,
  },
  {
    // Of a stream, the producer begins to wait for room while another node works.
    workflows: [
      [
        part({ kind: "source", key: 0, count: 2 }),
        part({ kind: "sink", steps: [call] }),
        part({ kind: "pass", steps: [turn] }),
      ],
      [part({ steps: [turn] })],
    ],
    options: { mode: "sequential" },
    slots: 0,
    runs: 2,
  },
  {
    // A stream ends early, and leaves its slot of the scheduler to a node that waits for what waits for a slot.
    workflows: [
      [
        part({ kind: "source", key: 1, steps: [call] }),
        part({ kind: "source", steps: [call] }),
        part({ kind: "sink", from: [1, 0] }),
      ],
      [part({ steps: [call] })],
      [part({ key: 1 })],
    ],
    options: { mode: "async", concurrency: 2 },
    slots: 1,
    runs: 2,
  },
];

const examples = EXAMPLES.map((program): [Program] => [program]);

describe.each(["ctx.run", "run"] as const)("A program of streams, maps, keys, throttles, caches and %s", (how) => {
  it("ends without errors and within all limits, if who holds a key waits only for later keys", async () => {
    expect.hasAssertions();
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        await expect(checkProgram(program, how, true)).resolves.toBeUndefined();
      }),
      { numRuns: 300, seed: 3, examples },
    );
  });

  it("ends with a result, or with an error that names a circle of keys, whoever holds keys", async () => {
    expect.hasAssertions();
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        await expect(checkProgram(program, how, false)).resolves.toBeUndefined();
      }),
      { numRuns: 300, seed: 3, examples },
    );
  });
});
