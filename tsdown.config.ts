import { defineConfig } from "tsdown";

/** Node reads a file of ASCII alone faster: importing the package by a tenth. */
const ascii = {
  name: "ascii",
  generateBundle(_: unknown, bundle: Record<string, { fileName: string; code?: string }>) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.code === undefined || !/\.[cm]js$/u.test(chunk.fileName)) continue;
      const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
      chunk.code = chunk.code.replace(/[^\0-\x7f]/g, escaped);
    }
  },
};

const shared = defineConfig({
  target: "node20",
  tsconfig: "lib/tsconfig.json",
  platform: "node",
  fixedExtension: true,
  shims: true,
  plugins: [ascii],
  // Types keep the documentation; without it there is a fifth less to read at every start.
  outputOptions: { comments: { legal: true, annotation: true, jsdoc: false } },
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
