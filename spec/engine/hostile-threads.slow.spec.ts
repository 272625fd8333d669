import { afterAll, expect, it, vi } from "vitest";
import { ThreadPool } from "dagwright";
import { faultOf, onThreads } from "../support/hostile.js";

const pool = new ThreadPool({ maxWorkers: 2 });
const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
process.on("unhandledRejection", note);
process.on("uncaughtException", note);
afterAll(async () => {
  process.off("unhandledRejection", note);
  process.off("uncaughtException", note);
  await pool.close();
});

it("Every run ends with a result or a dagwright error, whatever hostile value comes from a node on a thread", async () => {
  vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  const faults: string[] = [];
  const runs = onThreads.map(async ([name, dag]) => {
    const fault = await faultOf(() => dag.run({ mode: "parallel", pool }));
    if (fault !== undefined) faults.push(`${name}: ${fault}`);
  });
  await Promise.all(runs);
  expect(faults).toEqual([]);
  expect(unhandled).toEqual([]);
});
