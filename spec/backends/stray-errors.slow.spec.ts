import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { BackendError, ThreadPool } from "dagwright";
import { stray, type Way } from "../support/stray.js";

const pool = new ThreadPool({ maxWorkers: 1 });
const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
beforeEach(() => void warned.mockClear());
afterAll(async () => {
  warned.mockRestore();
  await pool.close();
});

function run(way: Way) {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  return stray.run({ mode: "parallel", pool, inputs: { way, flag }, errorStrategy: "continue" });
}

describe("Code that a node leaves running on its thread", () => {
  it.each(["rejection", "timer", "microtask", "tick", "undefined"] as const)(
    "does not fail the next node when it throws, as a %s; the one after that gets another thread",
    async (way) => {
      const { results } = await run(way);
      expect(results.innocent).toBe((results.leaves as number) + 1);
      expect(results.next).toBe(1);
      const message = way === "undefined" ? way : "stray";
      expect(warned.mock.calls).toEqual([
        [
          `Code that node "leaves" of "stray" left running failed after the node had finished: ${message}. ` +
            "Await it in the node, or catch its errors.",
          "DagwrightWorkerWarning",
        ],
      ]);
    },
  );

  it("is named by the error of the next node when it exits the thread", async () => {
    const { nodes, results } = await run("exit");
    const { error } = nodes.get("innocent") ?? {};
    expect(error).toBeInstanceOf(BackendError);
    expect(error?.message).toContain(
      'The worker that executed node "innocent" ended: ' +
        'code that node "leaves" of "stray" left running there called process.exit(3).',
    );
    expect(results.next).toBe(1);
  });
});
