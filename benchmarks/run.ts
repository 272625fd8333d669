/**
 * Runs all benchmarks, or those named: `npm run bench -- memory`. Exits with 1 if one misses a target. They run as compiled
 * JavaScript, since a loader would rewrite the measured code and slow it down.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const ALL = [
  "scheduler-overhead",
  "small-run",
  "fsm",
  "live",
  "policies",
  "executors",
  "maps",
  "streams",
  "children",
  "transforms",
  "parallel",
  "durable",
  "durable-load",
  "service",
  "remote",
  "remote-cost",
  "remote-growth",
  "scale-out",
  "rpc",
  "wasm",
  "hybrid",
  "memory",
  "cold-start",
  "studio",
];
const named = process.argv.slice(2);
const here = fileURLToPath(new URL(".", import.meta.url));
for (const name of named.length > 0 ? named : ALL) {
  if (!ALL.includes(name)) throw new Error(`There is no benchmark "${name}". There are: ${ALL.join(", ")}.`);
  console.log(`\n── ${name}`);
  const flags = ["--expose-gc", "--max-old-space-size=8192"];
  const { status } = spawnSync(process.execPath, [...flags, `${here}${name}.js`], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
