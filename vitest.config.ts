import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: [
      { find: /^dagwright$/u, replacement: fileURLToPath(new URL("lib/index.ts", import.meta.url)) },
      { find: /^dagwright\/store$/u, replacement: fileURLToPath(new URL("lib/store.ts", import.meta.url)) },
    ],
  },
  // esbuild writes TC39 decorators out as plain JavaScript only for targets without them.
  esbuild: { target: "es2022" },
  test: {
    include: ["spec/**/*.spec.ts"],
    globalSetup: "spec/support/embedded-postgres.ts",
    testTimeout: 30_000,
  },
});
