import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Dag, type Context } from "dagwright";
import { collectGarbage } from "../support/garbage.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tsx = createRequire(import.meta.url).resolve("tsx/cli");

/** Runs a script in a new process. Returns its output, and its status if it ended by itself. */
function script(source: string): { output: string; status: number | null } {
  const code = `import { Dag } from "./lib/index.ts"; const dag = new Dag("d"); ${source}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, [tsx, "--input-type=module", "-e", code], {
    cwd: root,
    encoding: "utf8",
    timeout: 300_000,
  });
  return { output: stdout + stderr, status };
}

describe("A run that has ended", () => {
  it.each([
    [
      "an abort",
      `dag.node("a", () => new Promise(() => {})); await dag.run({ signal: AbortSignal.timeout(5), timeout: 600000 })`,
    ],
    ["a timeout", `dag.node("a", { timeout: 600000 }, () => new Promise(() => {})); await dag.run({ timeout: 5 })`],
    [
      "a failure",
      `dag.node("a", { timeout: 600000 }, () => new Promise(() => {})); dag.node("b", () => Promise.reject(1));` +
        `await dag.run({ mode: "async", timeout: 600000 })`,
    ],
    [
      "a retry in waiting",
      `dag.node("a", { retry: { retries: 1, delay: 600000, maxDelay: 600000 } }, () => { throw 1; }); await dag.run({ timeout: 5 })`,
    ],
  ])("by %s keeps no process alive", (_what, source) => {
    const { output, status } = script(`${source}.catch((error) => console.log(error.name));`);
    expect(output).toMatch(/^(CancelledError|RunTimeoutError|ExecutionError)\n$/u);
    expect(status).toBe(0);
  });

  it("leaves no timers and no listeners behind, after 200 runs", async () => {
    const dag = new Dag("d");
    dag.node("a", { timeout: 60_000, retry: 1 }, async (ctx: Context) => ctx.signal.aborted);
    dag.node("b", { needs: ["a"] }, () => 1);
    const { signal } = new AbortController();
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    for (let i = 0; i < 200; i++) await dag.run({ mode: "async", signal, timeout: 60_000 });
    expect(timers()).toBe(before);
  });
});

describe("Memory", () => {
  it("holds no finished run but the last one", async () => {
    const registry: WeakRef<object>[] = [];
    const dag = new Dag("d");
    dag.node("a", () => {
      const value = { big: new Array(1000).fill(0) };
      registry.push(new WeakRef(value));
      return value;
    });
    for (let i = 0; i < 50; i++) await dag.run();
    await new Promise((resolve) => setTimeout(resolve, 5));
    collectGarbage();
    expect(registry.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(2);
  });
});
