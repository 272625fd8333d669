import { build } from "esbuild";
import { expect, it } from "vitest";
import { lightCache } from "../tsdown.config.js";

const file = (name: string) => `/project/node_modules/lru-cache/dist/esm/${name}`;

it("The build fails when lru-cache no longer has the files that it replaces", () => {
  const whole = lightCache();
  for (const name of ["perf.js", "diagnostics-channel.js"]) expect(whole.transform("", file(name))).not.toBe(null);
  expect(whole.transform("", file("index.js"))).toBe(null);
  expect(() => whole.generateBundle()).not.toThrow();

  const renamed = lightCache();
  renamed.transform("", file("perf.js"));
  renamed.transform("", "/project/node_modules/other/diagnostics-channel.js");
  expect(() => renamed.generateBundle()).toThrow("lru-cache loads no diagnostics-channel.js");
});

it("What is imported as dagwright loads no kysely, and no module of Node that few runs need", async () => {
  const { metafile } = await build({
    entryPoints: ["lib/index.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    // The build takes whole modules along, also those of which nothing is used.
    treeShaking: false,
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  const loaded = output.imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path);
  const modules = ["node:async_hooks", "node:util", "node:util/types"];
  const packages = ["js-tokens", "lru-cache", "p-retry", "reflect-metadata/lite"];
  expect(Array.from(new Set(loaded)).sort()).toEqual([...packages, ...modules].sort());
});
