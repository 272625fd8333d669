import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { FlakyReporter } from "./spec/support/flaky-reporter.js";

/** How many times longer than usual things take on this machine, as busy as it is: starting a process takes 50 ms. */
function slowness(): number {
  const began = performance.now();
  spawnSync(process.execPath, ["-e", ""]);
  return Math.max(1, (performance.now() - began) / 50);
}

/** In ms. Nothing is judged by its time: what takes this long hangs. */
const limit = Math.round(60_000 * slowness());

const entries = ["pictures", "studio", "observers", "backends", "otel", "store", "service", "bullmq", "testing"];
const source = (entry: string) => fileURLToPath(new URL(`lib/${entry}.ts`, import.meta.url));

/** What all projects have in common with the programs that specs build from the sources. */
const shared = {
  resolve: {
    alias: [
      { find: /^dagwright$/u, replacement: source("index") },
      ...entries.map((entry) => ({ find: new RegExp(`^dagwright/${entry}$`, "u"), replacement: source(entry) })),
    ],
  },
  // esbuild writes TC39 decorators out as plain JavaScript only for targets without them.
  esbuild: { target: "es2022" as const },
};

const tests = {
  setupFiles: ["spec/support/warnings.ts"],
  // Node 22 says so of its SQLite.
  execArgv: ["--disable-warning=ExperimentalWarning"],
  testTimeout: limit,
  hookTimeout: limit,
  // Specs with threads, processes and databases share a machine with others. The report names what passed only then.
  retry: 1,
  tags: [{ name: "slow", description: "Takes over half a second. Files of nothing else are named .slow.spec.ts." }],
};

/** Files that take their time: they start many processes or threads, use Postgres, or try every case there is. */
const long = ["spec/**/*.slow.spec.ts", "spec/**/postgres-*.spec.ts"];

/** Quick files that judge their whole process, which others must not have used. */
const alone = ["spec/policies/async-contexts.spec.ts"];

export default defineConfig({
  ...shared,
  test: {
    projects: [
      // Their files share processes, and what these have loaded: loading the library takes longer than most files do.
      {
        ...shared,
        test: {
          ...tests,
          name: "quick",
          include: ["spec/**/*.spec.ts"],
          exclude: [...long, ...alone],
          isolate: false,
        },
      },
      { ...shared, test: { ...tests, name: "alone", include: alone } },
      { ...shared, test: { ...tests, name: "long", include: long } },
    ],
    globalSetup: "spec/support/embedded-postgres.ts",
    reporters: ["default", new FlakyReporter()],
    // What processes, threads and databases do goes on while a spec waits for them.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Worker threads and child processes of specs are not measured.
    coverage: { include: ["lib/**/*.ts"], reporter: ["text", "html"] },
  },
});
