import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Bundles a file in this folder with the library into one script, which starts fast. Returns the path of the script. */
export function bundled(name: string): string {
  // Inside the repository, so that its packages are found.
  const folder = join(root, "node_modules", ".cache", "dagwright-spec", `${name}-${process.pid}`);
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    await build({
      configFile: join(root, "vitest.config.ts"),
      root,
      logLevel: "error",
      build: {
        ssr: join(root, `spec/support/${name}.ts`),
        outDir: folder,
        emptyOutDir: false,
        target: "node20",
        minify: false,
      },
      ssr: { noExternal: ["kysely", "reflect-metadata", "js-tokens"] },
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, `${name}.js`);
}
