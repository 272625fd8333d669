import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** The size of the package and its dependencies after `npm install`, in bytes. */
export function installedSize(root: string): number {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json"], { cwd: root, encoding: "utf8", shell: true });
  const [{ unpackedSize }] = JSON.parse(stdout) as { unpackedSize: number }[];
  const folders = new Set<string>();
  addDependencies(root, root, folders);
  return Array.from(folders, sizeOf).reduce((sum, size) => sum + size, unpackedSize);
}

/** Adds the folders of dependencies. Optional ones for other platforms are not installed. */
function addDependencies(folder: string, root: string, folders: Set<string>): void {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, object | undefined>;
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    const dependency = join(root, "node_modules", name);
    if (folders.has(dependency) || !existsSync(dependency)) continue;
    folders.add(dependency);
    addDependencies(dependency, root, folders);
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => statSync(join(folder, file)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}
