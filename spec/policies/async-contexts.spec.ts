import { executionAsyncId } from "node:async_hooks";
import { expect, it } from "vitest";
import { Dag, Scheduler } from "dagwright";
import { sleep } from "../support/waiting.js";

it("Async contexts are disabled once no node holds anything", async () => {
  const scheduler = new Scheduler();
  const dag = new Dag("d");
  for (const name of ["a", "b"]) dag.node(name, { hooks: { preExecute: () => sleep(1) } }, () => sleep(1));
  // On Node 20 and 22, promises have ids while async contexts are enabled.
  const idAtRest = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return executionAsyncId();
  };
  const before = await idAtRest();
  for (let i = 0; i < 2; i++) {
    await dag.run({ mode: "async", scheduler });
    expect(await idAtRest()).toBe(before);
  }
});
