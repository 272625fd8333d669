import { describe, expect, it } from "vitest";
import { Scripts } from "../support/scripts.js";

const scripts = new Scripts();

/** Six runs with a pool of two, one after the other, then at once; then a dry run. */
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
      reasons.add(reason.code + /a worker could not start: .*(?= Correct that)/.exec(reason.message)[0]);
    }
    console.log([...reasons].join("; "));
    if (PLANS) console.log(dags[0].dryRun({ mode: "parallel" }).nodes[0].reason);
  }`;
const six = (limits = "undefined", plans = limits === "undefined") =>
  SIX.replace("LIMITS", limits).replace("PLANS", String(plans));
const permission = Number(process.versions.node.split(".")[0]) >= 22 ? "--permission" : "--experimental-permission";

describe("When no thread can start, runs go on inline with the reason, or fail if they are strict", () => {
  const notMain = (code: string) => `if (!require("node:worker_threads").isMainThread) ${code};`;

  it("because the process has no permission", async () => {
    const lines = await scripts.run("denied.mjs", six(), [permission, "--allow-fs-read=*", "--no-warnings"]);
    const reason = "a worker could not start: Access to this API has been restricted";
    expect(lines[0]).toContain(`true ${reason}`);
    expect(lines[0]).toContain(`BACKEND${reason}`);
    expect(lines[1]).toContain(reason);
  });

  it("because a preloaded module throws or exits", async () => {
    for (const [code, why] of [
      ['throw new Error("broken preload")', "broken preload"],
      ["process.exit(5)", "it exited with code 5"],
    ]) {
      const lines = await scripts.run("preloaded.mjs", six(), scripts.preload("preload.cjs", notMain(code)));
      const reason = `a worker could not start: ${why}`;
      expect(lines).toEqual([`true ${reason}; BACKEND${reason}.`, "a worker could not start: it ended"]);
    }
  });

  it("because they have too little memory", async () => {
    const limits = "{ maxOldGenerationSizeMb: 1, maxYoungGenerationSizeMb: 1 }";
    const lines = await scripts.run("starved.mjs", six(limits), ["--no-warnings"]);
    expect(lines[0]).toMatch(/^true a worker could not start: .*memory.*BACKENDa worker could not start: .*memory/u);
  });

  it("in time: only the first run waits", async () => {
    const flags = [...scripts.hurry(10_000), ...scripts.preload("preload.cjs", notMain("for (;;)"))];
    const lines = await scripts.run("endless.mjs", six(undefined, false), flags);
    const reason = "a worker could not start: it took more than 10 s";
    expect(lines).toEqual([`true ${reason}; BACKEND${reason}.`, "1 limits"]);
  });

  it("although another pool's threads did", async () => {
    const lines = await scripts.run(
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

describe("A module that a worker never finishes importing", () => {
  it("delays the first run by 20 s, and no other run of its workflows", async () => {
    const lines = await scripts.run(
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
      scripts.hurry(20_000),
    );
    const reason = "true a worker could not import its module: it took more than 20 s";
    expect(lines).toEqual([reason, reason, reason, reason, "1 limits"]);
  });
});
