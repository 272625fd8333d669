/**
 * Loaded with every spec file: fails it if there was a process warning that no spec caught. Node's warnings of its own
 * experimental features don't count.
 */
import { afterAll, expect } from "vitest";

const stray: string[] = [];
const onWarning = (warning: Error) => {
  if (warning.name !== "ExperimentalWarning") stray.push(String(warning));
};
process.on("warning", onWarning);

afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", onWarning);
  expect(stray).toEqual([]);
});
