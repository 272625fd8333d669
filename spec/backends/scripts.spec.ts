import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  return runWith([], file, source, ...flags);
}

/** @param args - of the script */
async function runWith(args: string[], file: string, source: string, ...flags: string[]) {
  writeFileSync(join(folder, file), source);
  const started = Date.now();
  const child = spawn(process.execPath, [...flags, join(folder, file), ...args], { cwd: folder, timeout: 50_000 });
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

describe("A script that reads the command line, and its environment, when it is imported", () => {
  it("reads the same in a worker, also in one that only says where nodes would run", async () => {
    const { lines } = await runWith(
      ["orders.csv", "--all"],
      "reads.mjs",
      `import { Dag } from "dagwright";
      import { isMainThread } from "node:worker_threads";
      const [, , file, ...rest] = process.argv;
      if (file === undefined) process.exit(2);
      const level = process.env.LEVEL;
      const dag = new Dag("reads");
      dag.node("where", () => [isMainThread, file, rest, level].join(" "));
      process.env.LEVEL = "high";
      if (isMainThread) console.log(dag.dryRun({ mode: "parallel" }).nodes[0].backend);
      console.log((await dag.run({ mode: "parallel" })).value);`,
    );
    expect(lines).toEqual(["thread", "false orders.csv --all high"]);
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

/** Six runs with a pool of two, one after the other, then at once; then where a node would run, found out by blocking. */
const SIX = `import { Dag, ThreadPool } from "dagwright";
  import { isMainThread } from "node:worker_threads";
  export const dags = [0, 1, 2, 3, 4, 5].map((i) => new Dag("dag" + i));
  for (const dag of dags) dag.node("where", () => isMainThread);
  if (isMainThread) {
    const pool = new ThreadPool({ maxWorkers: 2, resourceLimits: LIMITS });
    const reasons = new Set();
    for (const dag of dags) {
      const run = await dag.run({ mode: "parallel", pool });
      reasons.add(run.value + " " + run.nodes.get("where").backendReason);
    }
    const options = { mode: "parallel", pool, parallel: { strict: true } };
    for (const { reason } of await Promise.allSettled(dags.map((dag) => dag.run(options)))) {
      reasons.add(reason.code + /a worker could not start: .*/.exec(reason.message)[0]);
    }
    console.log([...reasons].join("; "));
    if (PLANS) console.log(dags[0].dryRun({ mode: "parallel" }).nodes[0].reason);
  }`;
const six = (limits = "undefined", plans = limits === "undefined") =>
  SIX.replace("LIMITS", limits).replace("PLANS", String(plans));
const permission = Number(process.versions.node.split(".")[0]) >= 22 ? "--permission" : "--experimental-permission";

describe("When no thread can start, every run says so at once, and goes on inline unless that is an error", () => {
  const notMain = (code: string) => `if (!require("node:worker_threads").isMainThread) ${code};`;

  it("since the process may not have any", async () => {
    const { lines, took } = await run("denied.mjs", six(), permission, "--allow-fs-read=*", "--no-warnings");
    const reason = "a worker could not start: Access to this API has been restricted";
    expect(lines[0]).toContain(`true ${reason}`);
    expect(lines[0]).toContain(`BACKEND${reason}`);
    expect(lines[1]).toContain(reason);
    expect(took).toBeLessThan(10_000);
  });

  it("since what they load first throws or exits", async () => {
    for (const [code, why] of [
      ['throw new Error("broken preload")', "broken preload"],
      ["process.exit(5)", "it exited with code 5"],
    ]) {
      writeFileSync(join(folder, "preload.cjs"), notMain(code));
      const { lines, took } = await run("preloaded.mjs", six(), "--require", join(folder, "preload.cjs"));
      const reason = `a worker could not start: ${why}`;
      expect(lines).toEqual([`true ${reason}; BACKEND${reason}.`, "a worker could not start: it ended"]);
      expect(took).toBeLessThan(10_000);
    }
  });

  it("since they have too little memory", async () => {
    const limits = "{ maxOldGenerationSizeMb: 1, maxYoungGenerationSizeMb: 1 }";
    const { lines, took } = await run("starved.mjs", six(limits), "--no-warnings");
    expect(lines[0]).toMatch(/^true a worker could not start: .*memory.*BACKENDa worker could not start: .*memory/u);
    expect(took).toBeLessThan(10_000);
  });

  it("in time: only the first run waits for that", async () => {
    writeFileSync(join(folder, "preload.cjs"), notMain("for (;;)"));
    const { lines, took } = await run("endless.mjs", six(undefined, false), "--require", join(folder, "preload.cjs"));
    const reason = "a worker could not start: it took more than 10 s";
    expect(lines[0]).toBe(`true ${reason}; BACKEND${reason}.`);
    expect(took).toBeLessThan(20_000);
  });

  it("though threads of another pool did", async () => {
    const { lines } = await run(
      "second.mjs",
      `import { Dag, ThreadPool } from "dagwright";
      import { isMainThread } from "node:worker_threads";
      const dag = new Dag("second");
      dag.node("where", () => isMainThread);
      const resourceLimits = { maxOldGenerationSizeMb: 1, maxYoungGenerationSizeMb: 1 };
      for (const pool of [new ThreadPool(), new ThreadPool({ resourceLimits })]) {
        const run = await dag.run({ mode: "parallel", pool });
        console.log(run.value, run.nodes.get("where").backendReason?.slice(0, 24));
      }`,
    );
    expect(lines).toEqual(["false undefined", "true a worker could not start"]);
  });
});

describe("A module that exits when a worker imports it", () => {
  it("is the reason why its nodes run inline", async () => {
    const { lines } = await run(
      "exits.mjs",
      `import { Dag, ThreadPool } from "dagwright";
      import { isMainThread } from "node:worker_threads";
      if (!isMainThread) process.exit(3);
      const dag = new Dag("exits");
      dag.node("where", () => isMainThread);
      const pool = new ThreadPool({ maxWorkers: 1 });
      for (let i = 0; i < 3; i++) {
        const run = await dag.run({ mode: "parallel", pool });
        console.log(run.value, run.nodes.get("where").backendReason);
      }`,
    );
    expect(lines).toEqual(Array(3).fill("true a worker could not import its module: it exited with code 3"));
  });
});

describe("A module that a worker never has imported", () => {
  it("costs the first run 20 s, and no other run of any of its workflows", async () => {
    const { lines, took } = await run(
      "spins.mjs",
      `import { Dag } from "dagwright";
      import { isMainThread } from "node:worker_threads";
      if (!isMainThread) for (;;);
      for (const dag of [new Dag("one"), new Dag("two")]) {
        dag.node("where", () => isMainThread);
        for (let i = 0; i < 2; i++) {
          const run = await dag.run({ mode: "parallel" });
          console.log(run.value, run.nodes.get("where").backendReason);
        }
      }`,
    );
    const reason = "true a worker could not import its module: it took more than 20 s";
    expect(lines).toEqual([reason, reason, reason, reason]);
    expect(took).toBeLessThan(35_000);
  }, 60_000);
});

describe("Runs that crash, are aborted, or see their pool closed", () => {
  it("settle all the same, never use more threads than there may be, and let the process end", async () => {
    const stress = readFileSync(new URL("../support/pool-stress.mjs", import.meta.url), "utf8");
    const { lines } = await run("stress.mjs", stress, "--no-warnings");
    expect(lines).toEqual(["all settled"]);
  }, 60_000);
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
