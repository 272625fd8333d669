import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Outside the repository, where its packages are not found.
const folder = mkdtempSync(join(tmpdir(), "pictures-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PROGRAM = `
  import { timelineSVG, toPNG, toSVG } from "dagwright/pictures";
  const graph = { kind: "dag", workflow: "d", nodes: [{ name: "a", kind: "node", spec: undefined }], edges: [] };
  await toSVG({ graph }).catch(({ message }) => console.log(message.replaceAll("\\n", " ")));
  await toPNG({ graph }, { layout: "levels" }).catch(({ message }) => console.log(message.replaceAll("\\n", " ")));
  console.log((await toSVG({ graph }, { layout: "levels" })).slice(0, 4));
`;

it("Pictures say which package to install, and load none before it is needed", async () => {
  writeFileSync(join(folder, "program.mjs"), PROGRAM);
  const outfile = join(folder, "bundle.mjs");
  await build({
    entryPoints: [join(folder, "program.mjs")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["@viz-js/viz", "@resvg/resvg-js"],
    alias: { "dagwright/pictures": join(root, "lib/pictures.ts") },
  });
  const { stdout } = await promisify(execFile)(process.execPath, [outfile]);
  expect(stdout.trimEnd().split("\n")).toEqual([
    expect.stringMatching(
      /^Pictures need the package @viz-js\/viz, which can't be loaded: .* Run "npm install @viz-js\/viz"\.$/u,
    ),
    expect.stringMatching(
      /^PNG pictures need the package @resvg\/resvg-js, which can't be loaded: .* Run "npm install @resvg\/resvg-js"\.$/u,
    ),
    "<svg",
  ]);
});
