import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { command, dagwright, files, flow, root } from "../support/command.js";

const { path, write } = files();

describe.concurrent("dagwright run", () => {
  it("writes events as JSON, and leaves stdout to them, also in threads", async () => {
    const { code, stdout, stderr } = await dagwright([
      "run",
      flow("etl"),
      "-i",
      "url=abc",
      "--mode",
      "parallel",
      "--json",
    ]);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(0)).toMatchObject({ type: "run.started", workflow: "etl", inputs: { url: "abc" } });
    expect(events.at(-1)).toMatchObject({ type: "run.finished", status: "completed" });
    const report = events.find(({ type, node }) => type === "node.completed" && node === "report");
    expect(report.result).toEqual({ length: 3, limit: 3, isMainThread: false });
    expect(stderr).toContain("said by a thread");
    expect(code).toBe(0);
  });

  it("takes inputs from a file, overrides them, and writes the result to a file", async () => {
    const inputs = write("inputs.json", JSON.stringify({ url: "from file", limit: 1 }));
    const output = path("output.json");
    const args = ["run", flow("etl"), "--inputs", inputs, "-i", "limit=[2]", "--output", output];
    const { code, stdout } = await dagwright(args);
    expect(JSON.parse(readFileSync(output, "utf8"))).toMatchObject({ length: 9, limit: [2] });
    expect(stdout).toMatch(/^load: from from file$/mu);
    expect(stdout).toMatch(/^ {2}critical path {2,}load → /mu);
    expect(code).toBe(0);
  });

  it("runs until a node, and refuses an unknown one", async () => {
    const part = await dagwright(["run", flow("etl"), "-i", "url=abcd", "--until", "length"]);
    expect(part.stdout.trimEnd().split("\n").at(-1)).toBe("4");
    const unknown = await dagwright(["run", flow("etl"), "-i", "url=a", "--until", "lenth"]);
    expect(unknown.stderr).toContain('"etl" has no node "lenth".');
    expect(unknown.code).toBe(2);
  });

  it("runs from a node on, with the results of the latest run in the store", async () => {
    const from = ["run", flow("etl"), "--from", "length"];
    const without = await dagwright(from);
    expect(without.stderr).toContain("--from needs the --store that has an earlier run.");
    expect(without.code).toBe(2);
    const store = ["--store", path("etl.db")];
    expect((await dagwright([...from, ...store])).code).toBe(2);
    expect((await dagwright(["run", flow("etl"), "-i", "url=abcde", ...store])).code).toBe(0);
    const part = await dagwright([...from, ...store]);
    expect(part.stdout).not.toContain("load: started");
    expect(part.stdout).toContain("{ length: 5, limit: 3, isMainThread: true }");
  });

  it("fails with the message and the place in the user's file", async () => {
    const { code, stdout, stderr } = await dagwright(["run", flow("recorded"), "-w", "fails"]);
    expect(stdout + stderr).not.toContain("\x1b[2J");
    expect(stdout).toContain("hostile \\x1b[2J\\nmessage");
    expect(stderr).toMatch(/at .*\.break \(.*recorded\.ts:\d+:\d+\)/u);
    expect(stderr).not.toContain("lib/dag/");
    expect(code).toBe(1);
  });

  it("shows names and values without control characters, and of a large value the beginning", async () => {
    const hostile = await dagwright(["run", flow("hostile"), "-w", "evil\x1b[2J\u202e"]);
    // eslint-disable-next-line no-control-regex -- none of them is to be there
    expect(hostile.stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/u);
    expect(hostile.stdout).toContain("line\\nbreak\\x07: completed");
    const large = await dagwright(["run", flow("hostile"), "-w", "large"]);
    expect(large.stdout.length).toBeLessThan(20_000);
    expect(large.stdout).toContain("more with --output");
    expect(large.code).toBe(0);
  });

  it("goes on to its end when its reader leaves", async () => {
    const output = path("wide.json");
    const [program, ...rest] = [...command, "run", flow("hostile"), "-w", "wide", "--output", output];
    const child = spawn(program, rest, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (data) => (stderr += String(data)));
    child.stdout.once("data", () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(stderr).toBe("");
    expect(Object.keys(JSON.parse(readFileSync(output, "utf8")) as object)).toHaveLength(10_000);
    expect(code).toBe(0);
  });

  it("refuses options that do not exist or do not fit as wrong usage", async () => {
    const unknown = await dagwright(["run", flow("etl"), "--mod", "async"]);
    expect(unknown.stderr).toContain("unknown option '--mod'");
    expect(unknown.code).toBe(2);
    const unfit = await dagwright(["run", flow("etl"), "-i", "url=a", "--concurrency", "0"]);
    expect(unfit.stderr).toContain('"concurrency" must be');
    expect(unfit.code).toBe(2);
  });
});

describe.concurrent("What went wrong", () => {
  const docs = (code: string) => `Docs: https://github.com/dagwright/dagwright/blob/main/docs/errors.md#${code}`;
  const docsIn = (stderr: string) => stderr.split("\n").filter((line) => line.startsWith("Docs: "));

  it("ends with where to read about it, for each problem of a workflow once", async () => {
    const file = write(
      "faulty.mjs",
      `import { Dag } from "dagwright";
      export const loop = new Dag("loop");
      loop.node("a", { needs: ["b"] }, (b) => b);
      loop.node("b", { needs: ["a"] }, (a) => a);
      export const both = new Dag("both");
      both.node("a", { needs: ["b", "nobody"] }, (b, c) => c);
      both.node("b", { needs: ["a", "noone"] }, (a, c) => c);`,
    );
    const loop = await dagwright(["run", file, "-w", "loop"]);
    expect(loop.stderr.trimEnd().split("\n").at(-1)).toBe(docs("cycle"));
    const both = await dagwright(["run", file, "-w", "both"]);
    const { stderr: said } = await dagwright(["validate", file, "-w", "both"]);
    expect(docsIn(both.stderr)).toContain(docs("unknown_node"));
    expect(docsIn(both.stderr)).toEqual(docsIn(said));
    expect(new Set(docsIn(said)).size).toBe(docsIn(said).length);
  });

  it("ends with its place alone if a function of the user's threw it", async () => {
    const { stderr } = await dagwright(["run", flow("recorded"), "-w", "fails"]);
    expect(docsIn(stderr)).toEqual([]);
  });
});

describe.concurrent("dagwright", () => {
  it("validates, plans and draws a workflow without running it", async () => {
    const valid = await dagwright(["validate", flow("recorded")]);
    expect(valid.stdout).toMatch(/^order: valid {2}3 nodes$/mu);
    expect(valid.code).toBe(0);
    const plan = await dagwright(["plan", flow("etl"), "-i", "url=a", "--json"]);
    const { steps } = JSON.parse(plan.stdout) as { steps: object[] };
    expect(steps.at(-1)).toMatchObject({ name: "report", edges: ["length", "thread"], where: "inline" });
    const graph = await dagwright(["graph", flow("recorded"), "-w", "order", "--format", "dot"]);
    expect(graph.stdout).toContain("digraph");
    expect(graph.code).toBe(0);
  });

  it("says what there is to do, and refuses unknown commands", async () => {
    const help = await dagwright(["--help"]);
    for (const name of ["run", "resume", "logs", "schedule", "init", "doctor"])
      expect(help.stdout).toContain(`  ${name} `);
    expect(help.code).toBe(0);
    expect(await dagwright(["rnu"])).toMatchObject({ code: 2, stderr: expect.stringContaining("Did you mean run?") });
  });
});
