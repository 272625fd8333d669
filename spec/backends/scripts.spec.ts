import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "node_modules/.dagwright-scripts");
const installed = join(folder, "node_modules/dagwright");
const require = createRequire(import.meta.url);

/** Runs a script that uses the built package; gives its lines, and how long it took in ms. */
async function run(file: string, source: string, ...flags: string[]) {
  writeFileSync(join(folder, file), source);
  const started = Date.now();
  const child = spawn(process.execPath, [...flags, join(folder, file)], { cwd: folder, timeout: 25_000 });
  let output = "";
  child.stdout.on("data", (text) => (output += String(text)));
  child.stderr.on("data", (text) => (output += String(text)));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect([code, output]).toEqual([0, output]);
  return { lines: output.trimEnd().split("\n"), took: Date.now() - started };
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(installed, { recursive: true });
  execFileSync(
    process.execPath,
    [join(root, "node_modules/tsdown/dist/run.mjs"), "--out-dir", join(installed, "dist")],
    { cwd: root },
  );
  cpSync(join(root, "package.json"), join(installed, "package.json"));
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { target: "ES2022", module: "NodeNext" } }),
  );
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BODY = `
  const factor = 2;
  const dag = new Dag("script");
  dag.node("load", () => [1, 2, 3]);
  dag.node("scale", { needs: ["load"] }, (xs) => xs.map((x) => x * factor));
  dag.node("where", { needs: ["scale"] }, (xs) => [isMainThread, ...xs].join(" "));
`;
const REPORT = `
  console.log(run.value, run.nodes.get("where").backend, run.nodes.get("where").backendReason);
`;

describe("A script that runs its own dag on threads does not recurse, and ends", () => {
  it("as an ES module with top-level await, run at its bottom", async () => {
    const { lines, took } = await run(
      "script.mjs",
      `import { Dag } from "dagwright";
      import { isMainThread } from "node:worker_threads";
      ${BODY}
      const run = await dag.run({ mode: "parallel" });
      ${REPORT}
      const late = new Dag("late");
      late.node("where", () => isMainThread);
      const second = await late.run({ mode: "parallel" });
      console.log(second.value, second.nodes.get("where").backendReason);`,
    );
    expect(lines).toEqual([
      "false 2 4 6 thread undefined",
      "true it is defined below the first run that its module awaits",
    ]);
    expect(took).toBeLessThan(10_000);
  });

  it("as CommonJS, in a function that is not awaited", async () => {
    const { lines } = await run(
      "script.cjs",
      `const { Dag } = require("dagwright");
      const { isMainThread } = require("node:worker_threads");
      async function main() {
        ${BODY}
        const run = await dag.run({ mode: "parallel" });
        ${REPORT}
      }
      main();`,
    );
    expect(lines).toEqual(["false 2 4 6 thread undefined"]);
  });

  it("as TypeScript run by tsx, from an annotated class that is not exported", async () => {
    const { lines } = await run(
      "script.mts",
      `import { Dag, node, workflow } from "dagwright";
      import { isMainThread } from "node:worker_threads";
      @workflow()
      class Script {
        constructor(private readonly factor: number) {}
        @node load(): number[] { return [1, 2, 3]; }
        @node("load") scale(xs: number[]): number[] { return xs.map((x) => x * this.factor); }
        @node("scale") where(xs: number[]): string { return [isMainThread, ...xs].join(" "); }
      }
      const run = await Dag.from(new Script(2)).run({ mode: "parallel" });
      ${REPORT.replaceAll('"where")', '"where")!')}`,
      require.resolve("tsx/cli"),
    );
    expect(lines).toEqual(["false 2 4 6 thread undefined"]);
  });

  it("when it starts, steps or draws up a plan instead", async () => {
    const { lines } = await run(
      "starts.mjs",
      `import { Dag } from "dagwright";
      import { isMainThread } from "node:worker_threads";
      ${BODY}
      const [{ backend }] = dag.dryRun({ mode: "parallel" }).nodes;
      const handle = dag.start({ mode: "parallel" });
      const run = await handle.result;
      ${REPORT}
      const step = await dag.step();
      console.log(backend, step.node);`,
    );
    expect(lines).toEqual(["false 2 4 6 thread undefined", "thread load"]);
  });

  it("when source maps are on", async () => {
    const { lines } = await run(
      "mapped.mjs",
      `import { Dag } from "dagwright";
      import { isMainThread } from "node:worker_threads";
      ${BODY}
      const run = await dag.run({ mode: "parallel" });
      ${REPORT}`,
      "--enable-source-maps",
    );
    expect(lines).toEqual(["false 2 4 6 thread undefined"]);
  });
});

describe("A module that a worker can't finish importing", () => {
  it("keeps neither the run nor the process waiting once the run has ended", async () => {
    const { lines, took } = await run(
      "hangs.mjs",
      `import { isMainThread } from "node:worker_threads";
      import { Dag } from "dagwright";
      if (!isMainThread) await new Promise(() => setInterval(() => {}, 1000));
      const dag = new Dag("hangs");
      dag.node("a", () => 1);
      const began = Date.now();
      await dag.run({ mode: "parallel", timeout: 300 }).catch((error) => console.log(error.name, Date.now() - began < 2000));`,
    );
    expect(lines).toEqual(["RunTimeoutError true"]);
    expect(took).toBeLessThan(5000);
  });
});

describe("200 runs", () => {
  it("leave no handle, no listener and no worker behind", async () => {
    const { lines } = await run(
      "leaks.mjs",
      `import { getEventListeners } from "node:events";
      import { Dag, ThreadPool } from "dagwright";
      const dag = new Dag("leaks");
      dag.node("a", { timeout: 5000 }, () => 1);
      dag.node("b", { needs: ["a"], retry: 1 }, (a, ctx) => a + ctx.attempt);
      const pool = new ThreadPool({ maxWorkers: 2 });
      const { signal } = new AbortController();
      for (let i = 0; i < 200; i++) {
        const run = await dag.run({ mode: "parallel", pool, signal, timeout: 60_000 });
        if (run.value !== 2) throw new Error("wrong");
      }
      await pool.close();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const left = process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY/.test(name));
      console.log(left.join() || "nothing", getEventListeners(signal, "abort").length);`,
    );
    expect(lines).toEqual(["nothing 0"]);
  });

  it("on the shared pool let the process end at once", async () => {
    const { took } = await run(
      "ends.mjs",
      `import { Dag } from "dagwright";
      const dag = new Dag("ends");
      dag.node("a", () => 1);
      for (let i = 0; i < 200; i++) await dag.run({ mode: "parallel" });`,
    );
    expect(took).toBeLessThan(5000);
  });
});
