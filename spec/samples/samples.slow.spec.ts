import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tsx = createRequire(import.meta.url).resolve("tsx/cli");

async function run(sample: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [tsx, `samples/${sample}.ts`], { cwd: root });
  expect(stderr).toBe("");
  return stdout;
}

/** The output that the header of a sample announces. */
function announced(sample: string): string[] {
  const [header] = readFileSync(`${root}samples/${sample}.ts`, "utf8").split("*/");
  return Array.from(header.matchAll(/^ \* {5}(\S.*)$/gmu), ([, line]) => line);
}

describe.concurrent("Samples print what their headers say", () => {
  it.each([
    "builder",
    "errors",
    "partial",
    "order",
    "csv",
    "bootstrap",
    "resilience",
    "durable",
    "stream",
    "live",
    "schemas",
    "definition",
    "maps",
    "nested",
    "pipeline",
  ])("%s", async (sample) => {
    const lines = (await run(sample)).trimEnd().split("\n");
    expect(announced(sample).length).toBeGreaterThan(1);
    expect(lines.slice(0, announced(sample).length)).toEqual(announced(sample));
  });

  it.each(["builder", "errors", "partial"])("%s is at most 60 lines long", (sample) => {
    expect(readFileSync(`${root}samples/${sample}.ts`, "utf8").split("\n").length).toBeLessThanOrEqual(61);
  });

  it("weather, which also writes a report and a chart", async () => {
    for (const file of ["weather.md", "weather.svg"]) rmSync(`${root}samples/output/${file}`, { force: true });
    const output = await run("weather");
    const [summary, files] = announced("weather");
    expect(output).toContain(`${summary}\n${files}\n`);
    expect(output).toMatch(/^load +completed +at +\d+\.\d ms +took +\d+\.\d ms$/mu);
    expect(output).toMatch(/^Critical path: load → clean → /mu);
    const report = readFileSync(`${root}samples/output/weather.md`, "utf8");
    // Checked by hand against the data: awk -F, '$1 ~ /-07-/ {s += $2} END {print s / 4}'
    expect(report).toMatch(/^\| Jul \| 12 \|/mu);
    expect(report).toContain("Hottest: 35.6 °C on 2014-08-11; coldest: -7.1 °C on 2013-12-07.");
    expect(existsSync(`${root}samples/output/weather.svg`)).toBe(true);
    expect(readFileSync(`${root}samples/output/weather.svg`, "utf8").match(/<rect /gu)).toHaveLength(13);
  });
});
