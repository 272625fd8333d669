import { afterAll, expect, it } from "vitest";
import { ExecutionError, ThreadPool, ValidationError } from "dagwright";
import { checked, read, threads } from "../support/schemas.js";
import { failure } from "../support/waiting.js";

const pool = new ThreadPool({ maxWorkers: 1 });
afterAll(() => pool.close());

it("Results of nodes on threads are checked on the caller's thread", async () => {
  const run = await checked.run({ pool });
  expect(run.value).toEqual({ called: false, checked: true });
  expect(threads).toEqual([true]);
  const error = await failure(checked.run({ pool, inputs: { size: "-1" } }));
  expect(error).toBeInstanceOf(ExecutionError);
  expect(error.cause).toBeInstanceOf(ValidationError);
});

it("A node whose function was replaced runs inline, since workers have the first one", async () => {
  checked.replaceNode("where", (size: number) => size > 0);
  const { nodes } = await checked.run({ pool });
  expect(nodes.get("where")).toMatchObject({ backend: "inline" });
  expect(nodes.get("where")?.backendReason).toContain("replaced");
});

it("A dag from data runs on threads, which read it when they import its module", async () => {
  expect((await read.run({ mode: "parallel", pool })).value).toEqual([false, false]);
});
