/** Loaded with every spec: a process warning that a spec does not expect, and catch, fails its file. */
import { afterAll, expect } from "vitest";

const stray: string[] = [];
process.on("warning", (warning) => void stray.push(String(warning)));

afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(stray).toEqual([]);
});
