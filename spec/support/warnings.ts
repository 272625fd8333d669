/**
 * Loaded with every spec file: fails it if there was a process warning that no spec caught. Node's warnings of its own
 * experimental features don't count.
 */
import { afterAll, expect } from "vitest";

const stray: string[] = [];
process.on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") stray.push(String(warning));
});

afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(stray).toEqual([]);
});
