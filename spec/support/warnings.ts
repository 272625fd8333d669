/**
 * Loaded with every spec: a process warning that a spec does not expect, and catch, fails its file. What Node thinks of its
 * own features is no concern of ours.
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
