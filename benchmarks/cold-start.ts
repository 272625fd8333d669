/**
 * What does dagwright add to the start of a script, to its first run, and to what is installed?
 *
 * Starts processes that do nothing, import the built package, or define and run a small graph once. They take turns, so
 * that a busy moment slows all of them. First runs and the import of the store are measured in processor time, which does
 * not depend on other programs. Also checks that importing and running load no heavy built-in modules.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { installedSize } from "./installed-size.js";
import { expectSame, round, verdict } from "./measure.js";

const ROUNDS = 25;
const STORE = `const before = process.cpuUsage(); await import("dagwright/store");
  const { user, system } = process.cpuUsage(before); console.log((user + system) / 1000);`;
const root = fileURLToPath(new URL("../..", import.meta.url));
const firstRun = fileURLToPath(new URL("first-run.js", import.meta.url));
const start = (script: string) => execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: root });
const elapsedTime = (script: string) => () => {
  const begin = performance.now();
  start(script);
  return performance.now() - begin;
};
const firstRunOf = (name: string) => () =>
  Number(execFileSync(process.execPath, [firstRun, name], { encoding: "utf8" }));

const contenders: Record<string, () => number> = {
  "an empty script": elapsedTime(""),
  'import "dagwright"': elapsedTime('import "dagwright";'),
  'import "dagwright/store"': () => Number(start(STORE)),
  diamond: firstRunOf("diamond"),
  "diamond, decorated class": firstRunOf("diamondOfClass"),
  "diamond, p-graph": firstRunOf("diamondOfPGraph"),
  "chain of 100": firstRunOf("chain"),
  "chain of 100, p-graph": firstRunOf("chainOfPGraph"),
};
const times = Object.values(contenders).map((): number[] => []);
for (let i = 0; i < ROUNDS; i++) Object.values(contenders).forEach((measure, which) => times[which].push(measure()));
const medians = times.map((list) => list.sort((a, b) => a - b)[ROUNDS >> 1]);
for (const [i, name] of Object.keys(contenders).entries())
  console.log(`${name}: ${round(medians[i])} ms${i < 2 ? "" : " of processor time"}`);

const [empty, main, store, diamond, ofClass, , chain] = medians;
verdict("importing dagwright / empty script", main / empty, "≤", 1.25);
verdict("importing dagwright/store, ms", store, "≤", 100);
verdict("first diamond of five nodes, ms", diamond, "≤", 5);
verdict("first diamond of a decorated class, ms", ofClass, "≤", 5);
verdict("first chain of 100 nodes, ms", chain, "≤", 20);
verdict("package with its dependencies, MB", installedSize(root) / 1e6, "≤", 6);

const HEAVY = "worker_threads|sqlite|http|net$|tls|perf_hooks|diagnostics_channel|^NativeModule os$";
const list = `console.log(process.moduleLoadList.filter((name) => /${HEAVY}/.test(name)).join());`;
const run = 'const d = new Dag("d"); d.node("a", () => 1); await d.run();';
const loaded = start(`import { Dag } from "dagwright"; ${run} ${list}`);
expectSame(loaded.toString(), start(list).toString(), "the list of heavy built-in modules");
console.log("No heavy built-in modules are loaded.");
