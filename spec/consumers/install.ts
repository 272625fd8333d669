import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { capture } from "./capture.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Packs the package and installs it with others, each in its newest version: all at once or, if that fails, one by one,
 * without those that can't be installed.
 */
export async function install(folder: string, drivers: string[], packages: string[]): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  const packed = await capture(["npm", "pack", "--json", "--pack-destination", folder], { cwd: ROOT });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  // Tools may declare peers in other versions than the newest.
  const npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--legacy-peer-deps"];
  const needed = [...npm, `./${filename}`, ...drivers];
  // Install scripts of some packages write to the cache.
  const where = { cwd: folder, env: { ...process.env, XDG_CACHE_HOME: join(folder, "cache") } };
  await capture([...needed, ...packages], where).catch(async () => {
    await capture(needed, where);
    for (const name of packages) await capture([...npm, name], where).catch(() => undefined);
  });
}
