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

export default defineConfig({
  resolve: {
    alias: [
      { find: /^dagwright$/u, replacement: fileURLToPath(new URL("lib/index.ts", import.meta.url)) },
      { find: /^dagwright\/pictures$/u, replacement: fileURLToPath(new URL("lib/pictures.ts", import.meta.url)) },
      { find: /^dagwright\/studio$/u, replacement: fileURLToPath(new URL("lib/studio.ts", import.meta.url)) },
      { find: /^dagwright\/observers$/u, replacement: fileURLToPath(new URL("lib/observers.ts", import.meta.url)) },
      { find: /^dagwright\/backends$/u, replacement: fileURLToPath(new URL("lib/backends.ts", import.meta.url)) },
      { find: /^dagwright\/otel$/u, replacement: fileURLToPath(new URL("lib/otel.ts", import.meta.url)) },
      { find: /^dagwright\/store$/u, replacement: fileURLToPath(new URL("lib/store.ts", import.meta.url)) },
      { find: /^dagwright\/service$/u, replacement: fileURLToPath(new URL("lib/service.ts", import.meta.url)) },
      { find: /^dagwright\/bullmq$/u, replacement: fileURLToPath(new URL("lib/bullmq.ts", import.meta.url)) },
      { find: /^dagwright\/testing$/u, replacement: fileURLToPath(new URL("lib/testing.ts", import.meta.url)) },
    ],
  },
  // esbuild writes TC39 decorators out as plain JavaScript only for targets without them.
  esbuild: { target: "es2022" },
  test: {
    include: ["spec/**/*.spec.ts"],
    globalSetup: "spec/support/embedded-postgres.ts",
    setupFiles: ["spec/support/warnings.ts"],
    // Node 22 says so of its SQLite.
    execArgv: ["--disable-warning=ExperimentalWarning"],
    testTimeout: limit,
    hookTimeout: limit,
    // Specs with threads, processes and databases share a machine with others. The report names what passed only then.
    retry: 1,
    tags: [{ name: "slow", description: "Takes over half a second. Files of nothing else are named .slow.spec.ts." }],
    reporters: ["default", new FlakyReporter()],
    // What processes, threads and databases do goes on while a spec waits for them.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Worker threads and child processes of specs are not measured.
    coverage: { include: ["lib/**/*.ts"], reporter: ["text", "html"] },
  },
});
