import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Scripts } from "../support/scripts.js";

const scripts = new Scripts();

describe("Runs that crash, are aborted, or whose pool closes", () => {
  it("settle, never use more threads than allowed, and let the process end", async () => {
    const stress = readFileSync(new URL("../support/pool-stress.mjs", import.meta.url), "utf8");
    const lines = await scripts.run("stress.mjs", stress, ["--no-warnings"]);
    expect(lines).toEqual(["all settled"]);
  });
});
