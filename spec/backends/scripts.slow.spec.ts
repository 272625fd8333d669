import { describe, expect, it } from "vitest";
import { Scripts, tsx } from "../support/scripts.js";

const scripts = new Scripts();

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
    const lines = await scripts.run(
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
      "true its module defines it after the first run that it awaits",
    ]);
  });

  it("as CommonJS, in a function that is not awaited", async () => {
    const lines = await scripts.run(
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
    const lines = await scripts.run(
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
      [tsx],
    );
    expect(lines).toEqual(["false 2 4 6 thread undefined"]);
  });

  it("when it acts on runs of a store first", async () => {
    const lines = await scripts.run(
      "verbs.mjs",
      `import { rmSync } from "node:fs";
      import { Dag } from "dagwright";
      import { Service } from "dagwright/service";
      import { sqliteStore } from "dagwright/store";
      import { isMainThread } from "node:worker_threads";
      const file = new URL("verbs.db", import.meta.url);
      if (isMainThread) for (const end of ["", "-wal", "-shm"]) rmSync(file.pathname + end, { force: true });
      const dag = new Dag("script", { runOptions: { mode: "parallel" } });
      dag.node("where", () => isMainThread);
      const service = new Service({ store: sqliteStore(file.pathname), workflows: [dag] });
      if (isMainThread) await service.schedule("yearly", dag, { cron: "0 0 1 1 *" });
      const run = await service.trigger("yearly");
      await service.start();
      const { value } = await run.result();
      console.log(value, (await service.list()).runs.length);
      await service.close();`,
    );
    expect(lines).toEqual(["false 1"]);
  });

  it("when it calls start, step or dryRun instead", async () => {
    const lines = await scripts.run(
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
    const lines = await scripts.run(
      "mapped.mjs",
      `import { Dag } from "dagwright";
      import { isMainThread } from "node:worker_threads";
      ${BODY}
      const run = await dag.run({ mode: "parallel" });
      ${REPORT}`,
      ["--enable-source-maps"],
    );
    expect(lines).toEqual(["false 2 4 6 thread undefined"]);
  });
});

describe("A script that reads the command line, and its environment, when it is imported", () => {
  it("reads the same in a worker, also in that of a dry run", async () => {
    const lines = await scripts.run(
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
      [],
      ["orders.csv", "--all"],
    );
    expect(lines).toEqual(["thread", "false orders.csv --all high"]);
  });
});

describe("A module that a worker can't finish importing", () => {
  it("delays neither the end of a run that timed out nor that of the process", async () => {
    const lines = await scripts.run(
      "hangs.mjs",
      `import { isMainThread } from "node:worker_threads";
      import { Dag } from "dagwright";
      if (!isMainThread) await new Promise(() => setInterval(() => {}, 1000));
      const dag = new Dag("hangs");
      dag.node("a", () => 1);
      await dag.run({ mode: "parallel", timeout: 300 }).catch((error) => console.log(error.name));`,
      scripts.count(20_000),
    );
    expect(lines).toEqual(["RunTimeoutError", "0 limits"]);
  });
});

describe("A module that exits when a worker imports it", () => {
  it("makes its nodes run inline, with the reason", async () => {
    const lines = await scripts.run(
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

describe("200 runs", () => {
  it("leave no handle, listener or worker behind", async () => {
    const lines = await scripts.run(
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

  it("on the default pool let the process end at once", async () => {
    const lines = await scripts.run(
      "ends.mjs",
      `import { Dag } from "dagwright";
      const dag = new Dag("ends");
      dag.node("a", () => 1);
      for (let i = 0; i < 200; i++) await dag.run({ mode: "parallel" });`,
      scripts.count(10_000),
    );
    expect(lines).toEqual(["0 limits"]);
  });
});
