import { afterAll, expect, it } from "vitest";
import { ThreadPool, getContext } from "dagwright";
import { unannounced } from "../support/unannounced.js";

const pool = new ThreadPool({ maxWorkers: 1 });
const parallel = { mode: "parallel", pool } as const;
afterAll(() => pool.close());

it("getContext throws on a thread to which no context was sent, until somebody has asked here", async () => {
  await expect(unannounced.run(parallel)).rejects.toThrow(/getContext\(\) has no context on this thread.*Call/u);
  expect(getContext()).toBeUndefined();
  expect((await unannounced.run(parallel)).value).toBe("hidden");
});
