import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Outside the repository, where its packages are not found, but for the one that opens the database.
const folder = mkdtempSync(join(tmpdir(), "dagwright-studio-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PROGRAM = `
  import { Dag } from "dagwright";
  import { sqliteStore } from "dagwright/store";
  import { createStudio } from "dagwright/studio";
  const store = sqliteStore(":memory:");
  const dag = new Dag("d");
  dag.node("a", () => 1);
  await dag.run({ store, runId: "r" });
  const studio = createStudio({ store });
  const headers = { authorization: "Bearer " + studio.token };
  const reply = await studio.fetch(new Request("http://localhost/api/runs/r/graph.svg", { headers }));
  console.log(reply.status, reply.headers.get("x-studio-hint"));
  console.log((await reply.text()).includes('data-node="a"'));
  await studio.close();
  await store.close();
`;

it(
  "A studio without the package that places boxes and lines draws graphs by levels, and says so",
  { tags: "slow" },
  async () => {
    writeFileSync(join(folder, "program.mjs"), PROGRAM);
    const outfile = join(folder, "bundle.mjs");
    const libraries = ["", "/store", "/studio"].map((entry) => [
      `dagwright${entry}`,
      join(root, `lib${entry || "/index"}.ts`),
    ]);
    await build({
      entryPoints: [join(folder, "program.mjs")],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
      external: ["@viz-js/viz", "@resvg/resvg-js", "libsql", "pg", "piscina", "yaml"],
      alias: Object.fromEntries(libraries.reverse()),
      nodePaths: [join(root, "node_modules")],
    });
    const env = { ...process.env, NODE_PATH: join(root, "node_modules") };
    const { stdout } = await promisify(execFile)(process.execPath, [outfile], { env });
    expect(stdout.trimEnd().split("\n")).toEqual([
      '200 Run "npm install @viz-js/viz" where the studio runs to see boxes and lines.',
      "true",
    ]);
  },
);
