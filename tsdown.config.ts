import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["lib/index.ts"],
  format: ["esm", "cjs"],
  target: "node20",
  platform: "node",
  fixedExtension: true,
  shims: true,
  dts: true,
  banner: {
    js: "/*! Contains js-tokens, (c) Simon Lydell, MIT licence, and reflect-metadata, (c) Microsoft, Apache-2.0. */",
  },
  // Small, and costly to load as separate CommonJS or ESM-only packages: part of the bundle.
  deps: { alwaysBundle: ["reflect-metadata/lite", "js-tokens"], onlyBundle: ["reflect-metadata", "js-tokens"] },
});
