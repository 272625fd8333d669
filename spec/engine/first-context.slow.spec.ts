import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { tsx } from "../support/scripts.js";

const script = fileURLToPath(new URL("../support/first-call.ts", import.meta.url));

describe.concurrent("The first call of getContext in a process", () => {
  it.each([
    ["sync", ["asking next undefined"]],
    ["throughAwaits", ["asking,asking next undefined"]],
    ["named", ["asking next undefined"]],
    ["announced", ["asking next undefined"]],
    // Nobody knew that it would come.
    ["late", ["undefined next undefined", "getContext() was called for the first time while"]],
  ])("%s", async (way, lines) => {
    const { stdout } = await promisify(execFile)(process.execPath, [tsx, script, way]);
    expect(stdout.trimEnd().split("\n").sort()).toEqual(lines.sort());
  });
});
