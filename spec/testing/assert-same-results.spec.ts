import { AssertionError } from "node:assert";
import { any, Dag, Fsm, next, node, stop } from "dagwright";
import { assertSameResults } from "dagwright/testing";
import { expect, it } from "vitest";
import { Orders } from "../support/orders.js";

class Race {
  @node async slow(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return "slow";
  }
  @node quick(): string {
    return "quick";
  }
  @any("slow", "quick") first(winner: string): string {
    return winner;
  }
}

it("passes where all modes and executors agree, threads included", { tags: "slow" }, async () => {
  await assertSameResults(Orders);
  const fsm = new Fsm<any>("two");
  fsm.state("one", { initial: true, to: ["end"] }, (n: number) => next("end", n));
  fsm.state("end", (n: number) => stop(n));
  await assertSameResults(fsm, { modes: ["sequential", "async"], inputs: { n: 1 } });
  const failing = new Dag("failing");
  failing.node("bad", () => {
    throw new Error("always");
  });
  await assertSameResults(failing, { modes: ["sequential", "async"] });
});

it("names the first node that differs, its results, and the modes", async () => {
  const failure = await assertSameResults(Race, { modes: ["sequential", "async"], executors: ["workQueue"] }).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(AssertionError);
  expect((failure as Error).message).toBe(
    "Workflow \"Race\" has different results. With sequential/workQueue and async/workQueue, \"first\": 'slow' and 'quick'. Functions should keep no state between calls, and return plain data.",
  );
});

it("refuses options that it can't use", async () => {
  await expect(assertSameResults(Race, { modes: [] })).rejects.toThrow('"modes" must be a list of sequential');
  await expect(assertSameResults(Race, { executors: ["fast"] as never })).rejects.toThrow('"executors" must be a list');
  await expect(assertSameResults(Race, { mode: "async" } as never)).rejects.toThrow('Unknown option "mode"');
  await expect(assertSameResults(Race, { inputs: { x: 1 } })).rejects.toThrow('"x"');
});
