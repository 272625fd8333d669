import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where specs keep what they make, inside the repository, so that its packages are found. */
export const cache = join(root, "node_modules/.cache/dagwright-spec");

/**
 * A folder with the package as it is built from this checkout, in `node_modules/dagwright`, and a `tsconfig.json` with
 * which tsx imports it as `dagwright`. It is made once for each state of the sources. A process loads it ten times as fast
 * as it does the sources.
 */
export function builtPackage(): string {
  const folder = join(cache, `built-${stateOfSources()}`);
  if (!existsSync(folder)) makeAt(folder);
  return folder;
}

function stateOfSources(): string {
  const hash = createHash("sha256");
  const sources = readdirSync(join(root, "lib"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of [...sources.sort(), ...["tsdown.config.ts", "package.json"].map((name) => join(root, name))]) {
    hash.update(file).update(readFileSync(file));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Another process may do the same at the same time; the first one wins. */
function makeAt(folder: string): void {
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, "building-"));
  const installed = join(draft, "node_modules/dagwright");
  const output = join(installed, "dist");
  const build = join(root, "node_modules/tsdown/dist/run.mjs");
  const options = ["--no-dts", "--logLevel", "error", "--out-dir", output];
  execFileSync(process.execPath, [build, ...options], { cwd: root, stdio: "pipe" });
  // The option takes the place of the page's own folder, too.
  mkdirSync(join(output, "studio"));
  for (const file of ["index.html", "page.css", "page.js"])
    renameSync(join(output, file), join(output, "studio", file));
  cpSync(join(root, "package.json"), join(installed, "package.json"));
  const dist = "./node_modules/dagwright/dist";
  const paths = { dagwright: [`${dist}/index.mjs`], "dagwright/*": [`${dist}/*.mjs`] };
  const config = { extends: join(root, "tsconfig.json"), compilerOptions: { paths } };
  writeFileSync(join(draft, "tsconfig.json"), JSON.stringify(config));
  const outdated = readdirSync(cache).filter((name) => name.startsWith("built-"));
  try {
    renameSync(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(draft, { recursive: true });
  }
  for (const name of outdated) {
    if (join(cache, name) !== folder) rmSync(join(cache, name), { recursive: true, force: true });
  }
}
