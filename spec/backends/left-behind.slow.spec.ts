import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { BackendError, ThreadPool } from "dagwright";
import { leaving, type Way } from "../support/leaving.js";

const pool = new ThreadPool({ maxWorkers: 1 });
const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
beforeEach(() => void warned.mockClear());
afterAll(async () => {
  warned.mockRestore();
  await pool.close();
});

const run = (way: Way) =>
  leaving.run({
    mode: "parallel",
    pool,
    inputs: { way, flag: new Int32Array(new SharedArrayBuffer(4)) },
    errorStrategy: "continue",
  });

const said = (way: Way) => (way === "nothing" ? "undefined" : "left behind");

describe("What a node leaves behind on its thread", () => {
  it.each(["rejection", "timer", "microtask", "tick", "nothing"] as const)(
    "is not charged to the next node when it fails, as a %s; the one after that gets another thread",
    async (way) => {
      const { results } = await run(way);
      expect(results.innocent).toBe((results.leaves as number) + 1);
      expect(results.next).toBe(1);
      expect(warned.mock.calls).toEqual([
        [
          `What node "leaves" of "leaving" had left behind on its thread failed when the node was over: ${said(way)}. ` +
            "Await it in the node, or catch its errors.",
          "DagwrightWorkerWarning",
        ],
      ]);
    },
  );

  it("is named by the error of the next node when it ends the thread", async () => {
    const { nodes, results } = await run("exit");
    const { error } = nodes.get("innocent") ?? {};
    expect(error).toBeInstanceOf(BackendError);
    expect(error?.message).toContain(
      'The worker that executed node "innocent" ended: ' +
        'what node "leaves" of "leaving" had left behind there called process.exit(3).',
    );
    expect(results.next).toBe(1);
  });
});
