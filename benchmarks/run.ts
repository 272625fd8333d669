/** Runs all benchmarks, or those named: `npm run bench -- memory`. Exits with 1 when one misses a target. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const ALL = ["scheduler-overhead", "small-run", "fsm", "policies", "executors", "parallel", "memory", "cold-start"];
const named = process.argv.slice(2);
const tsx = createRequire(import.meta.url).resolve("tsx/cli");
const here = fileURLToPath(new URL(".", import.meta.url));
for (const name of named.length > 0 ? named : ALL) {
  if (!ALL.includes(name)) throw new Error(`There is no benchmark "${name}". There are: ${ALL.join(", ")}.`);
  console.log(`\n── ${name}`);
  const flags = ["--expose-gc", "--max-old-space-size=8192", "--tsconfig", `${here}tsconfig.json`];
  const { status } = spawnSync(process.execPath, [tsx, ...flags, `${here}${name}.ts`], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
