import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { capture } from "./capture.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Packs the package and installs it with others, each in its newest version. All are installed at
 * once, or, where that can't be done, those that can be.
 */
export async function install(folder: string, drivers: string[], packages: string[]): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  const packed = await capture(["npm", "pack", "--json", "--pack-destination", folder], { cwd: ROOT });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  // Whichever versions they would rather have beside them.
  const npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--legacy-peer-deps"];
  const needed = [...npm, `./${filename}`, ...drivers];
  // The scripts of some packages leave files there.
  const where = { cwd: folder, env: { ...process.env, XDG_CACHE_HOME: join(folder, "cache") } };
  await capture([...needed, ...packages], where).catch(async () => {
    await capture(needed, where);
    for (const name of packages) await capture([...npm, name], where).catch(() => undefined);
  });
}
