import { defineConfig } from "tsdown";

const shared = defineConfig({
  target: "node20",
  tsconfig: "lib/tsconfig.json",
  platform: "node",
  fixedExtension: true,
  shims: true,
  banner: {
    js: "/*! Contains js-tokens, (c) Simon Lydell, MIT licence, and reflect-metadata, (c) Microsoft, Apache-2.0. */",
  },
  // Small, and costly to load as separate CommonJS or ESM-only packages: part of the bundle.
  deps: { alwaysBundle: ["reflect-metadata/lite", "js-tokens"], onlyBundle: ["reflect-metadata", "js-tokens"] },
});

export default [
  defineConfig({ ...shared, entry: ["lib/index.ts", "lib/store.ts"], format: ["esm", "cjs"], dts: true }),
  // What worker threads load: one file, whichever way the library itself was loaded.
  defineConfig({
    ...shared,
    entry: { "thread-worker": "lib/backends/thread-worker.ts" },
    format: ["esm"],
    dts: false,
    clean: false,
  }),
];
