import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { Dag } from "dagwright";
import { ndjson } from "dagwright/observers";
import { failure } from "../support/waiting.js";

const folder = mkdtempSync(join(tmpdir(), "dagwright-ndjson-"));
afterAll(() => rmSync(folder, { recursive: true }));

const events = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, any>);

it("ndjson() appends the events of runs to a file, whatever their values", async () => {
  const file = join(folder, "events.ndjson");
  const circular: Record<string, unknown> = { name: "self" };
  circular["self"] = circular;
  const shared = { a: 1 };
  const values: Record<string, readonly [value: unknown, written: unknown]> = {
    bigint: [12n, "12"],
    map: [new Map([["a", new Set([1])]]), [["a", [1]]]],
    error: [new TypeError("bad"), { name: "TypeError", message: "bad" }],
    date: [new Date(0), "1970-01-01T00:00:00.000Z"],
    circular: [circular, { name: "self", self: "[circular]" }],
    shared: [
      [shared, shared],
      [{ a: 1 }, { a: 1 }],
    ],
    infinite: [Infinity, "Infinity"],
    hostile: [{ toJSON: () => JSON.parse("{") as unknown }, expect.stringContaining("[not JSON: ")],
    lines: ["a\nb\u2028", "a\nb\u2028"],
  };
  const dag = new Dag("values");
  for (const [name, [value]] of Object.entries(values)) dag.node(name, () => value);
  const observer = ndjson(file);
  await dag.run({ observers: [observer] });
  await dag.run({ observers: [observer] });
  const written = events(file);
  expect(written.filter(({ type }) => type === "run.finished")).toHaveLength(2);
  for (const [name, [, json]] of Object.entries(values)) {
    expect(written.find((event) => event.type === "node.completed" && event.node === name)?.result).toEqual(json);
  }
});

it("ndjson() writes errors with their codes and causes", async () => {
  const file = join(folder, "errors.ndjson");
  const dag = new Dag("fails");
  dag.node("a", () => {
    throw new Error("no luck");
  });
  await failure(dag.run({ observers: [ndjson(file)] }));
  expect(events(file).at(-1)).toMatchObject({
    type: "run.finished",
    status: "failed",
    error: { name: "ExecutionError", code: "EXECUTION", node: "a", cause: { name: "Error", message: "no luck" } },
  });
  expect(() => ndjson("")).toThrow('"path"');
});
