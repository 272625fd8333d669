/**
 * What does dagwright add to the start of a script, to its first run, and to what is installed?
 *
 * Starts processes that do nothing, import the built package, and define and run a small graph once; in turns, so that a
 * busy moment hits all. Also checks that nothing heavy was loaded on the way. Of the first runs and of the store it takes the
 * processor time, which tells what they do, however many other programs want the machine meanwhile.
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
const lasting = (script: string) => () => {
  const begin = performance.now();
  start(script);
  return performance.now() - begin;
};
const running = (name: string) => () => Number(execFileSync(process.execPath, [firstRun, name], { encoding: "utf8" }));

const contenders: Record<string, () => number> = {
  "an empty script": lasting(""),
  'import "dagwright"': lasting('import "dagwright";'),
  'import "dagwright/store"': () => Number(start(STORE)),
  diamond: running("diamond"),
  "diamond of a class": running("diamondOfClass"),
  "diamond of p-graph": running("diamondOfPGraph"),
  "chain of 100": running("chain"),
  "chain of 100 of p-graph": running("chainOfPGraph"),
};
const times = Object.values(contenders).map((): number[] => []);
for (let i = 0; i < ROUNDS; i++) Object.values(contenders).forEach((measure, which) => times[which].push(measure()));
const medians = times.map((list) => list.sort((a, b) => a - b)[ROUNDS >> 1]);
for (const [i, name] of Object.keys(contenders).entries())
  console.log(`${name}: ${round(medians[i])} ms${i < 2 ? "" : " of processor time"}`);

const [empty, main, store, diamond, ofClass, , chain] = medians;
verdict("importing dagwright / empty script", main / empty, "≤", 1.25);
verdict("importing dagwright/store, ms", store, "≤", 100);
verdict("the first diamond of five nodes, ms", diamond, "≤", 5);
verdict("the first diamond of a decorated class, ms", ofClass, "≤", 5);
verdict("the first chain of 100 nodes, ms", chain, "≤", 20);
verdict("the package with its dependencies, MB", installedSize(root) / 1e6, "≤", 6);

const HEAVY = "worker_threads|sqlite|http|net$|tls|perf_hooks|diagnostics_channel|^NativeModule os$";
const list = `console.log(process.moduleLoadList.filter((name) => /${HEAVY}/.test(name)).join());`;
const run = 'const d = new Dag("d"); d.node("a", () => 1); await d.run();';
const loaded = start(`import { Dag } from "dagwright"; ${run} ${list}`);
expectSame(loaded.toString(), start(list).toString(), "The list of heavy built-in modules loaded");
console.log("Nothing heavy is loaded.");
