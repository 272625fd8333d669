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

it("Importing the library loads nothing of what only databases, schedules and the command line need", async () => {
  const { metafile } = await build({
    entryPoints: ["lib/index.ts"],
    outdir: "dist",
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["piscina"],
    write: false,
    metafile: true,
  });
  const loaded = new Set<string>();
  const load = (file: string) => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const { kind, path, external } of metafile.inputs[file].imports) {
      if (kind === "import-statement" && external !== true) load(path);
    }
  };
  load("lib/index.ts");
  expect(loaded).toContain("lib/dag/dag.ts");
  const packages = Array.from(loaded).flatMap((file) => /node_modules\/([^/]+)/u.exec(file)?.[1] ?? []);
  expect(Array.from(new Set(packages)).sort()).toEqual([
    "is-network-error",
    "js-tokens",
    "lru-cache",
    "p-retry",
    "reflect-metadata",
  ]);
  const folders = Array.from(loaded).filter((file) =>
    /^lib\/(?:stores\/(?:queue|reading|writing)|service)\//u.test(file),
  );
  expect(folders).toEqual([]);
});
