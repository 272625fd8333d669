import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["lib/index.ts"],
  format: ["esm", "cjs"],
  target: "node20",
  platform: "node",
  fixedExtension: true,
  shims: true,
  dts: true,
  // Small, and costly to load as separate CommonJS or ESM-only packages: part of the bundle.
  noExternal: ["reflect-metadata/lite", "js-tokens"],
});
