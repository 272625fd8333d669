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
    "waiting",
    "stream",
    "live",
    "spreadsheet",
    "schemas",
    "definition",
    "maps",
    "nested",
    "pipeline",
    "agent",
    "years",
    "log-analyser",
    "orders-service",
    "telemetry",
  ])("%s", async (sample) => {
    const lines = (await run(sample)).trimEnd().split("\n");
    expect(announced(sample).length).toBeGreaterThan(1);
    expect(lines.slice(0, announced(sample).length)).toEqual(announced(sample));
  });

  it.each(["builder", "errors", "partial"])("%s is at most 60 lines long", (sample) => {
    expect(readFileSync(`${root}samples/${sample}.ts`, "utf8").split("\n").length).toBeLessThanOrEqual(61);
  });

  it("start, which is killed and goes on, and writes a report, a chart and a page", async () => {
    for (const file of ["weather.md", "weather.svg", "weather.html"])
      rmSync(`${root}samples/output/${file}`, { force: true });
    const output = await run("start");
    const [summary, page] = announced("start");
    expect(output).toContain(`${summary}\n${page}\n`);
    expect(output.match(/^load: completed in /gmu)).toHaveLength(1);
    expect(output).toMatch(/^The process was killed by SIGKILL\./mu);
    expect(output).toMatch(/^report: attempt 2 started$/mu);
    const html = readFileSync(`${root}samples/output/weather.html`, "utf8");
    expect(html.match(/<svg /gu)).toHaveLength(3);
    expect(html).toContain("2 attempts</text>");
    expect(html).toContain(`<p>${summary}</p>`);
    const report = readFileSync(`${root}samples/output/weather.md`, "utf8");
    // Checked by hand against the data: awk -F, '$1 ~ /-07-/ {s += $2} END {print s / 4}'
    expect(report).toMatch(/^\| Jul \| 12 \|/mu);
    expect(report).toContain("Hottest: 35.6 °C on 2014-08-11; coldest: -7.1 °C on 2013-12-07.");
    expect(existsSync(`${root}samples/output/weather.svg`)).toBe(true);
    expect(readFileSync(`${root}samples/output/weather.svg`, "utf8").match(/<rect /gu)).toHaveLength(13);
  });
});
