/**
 * What does importing dagwright add to the start of a script?
 *
 * Starts processes that do nothing, import the built package, and import it and run a dag; in turns, so that a busy
 * moment hits all. Also checks that nothing heavy was loaded on the way.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expectSame, round, verdict } from "./measure.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const scripts = {
  empty: "",
  import: 'import "dagwright";',
  run: 'import { Dag } from "dagwright"; const d = new Dag("d"); d.node("a", () => 1); await d.run();',
};
const start = (script: string) => execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: root });

const times = { empty: [] as number[], import: [] as number[], run: [] as number[] };
for (let i = 0; i < 25; i++) {
  for (const name of Object.keys(scripts) as (keyof typeof scripts)[]) {
    const begin = performance.now();
    start(scripts[name]);
    times[name].push(performance.now() - begin);
  }
}
const medianOf = (name: keyof typeof times) => times[name].sort((a, b) => a - b)[12];
for (const name of Object.keys(times) as (keyof typeof times)[]) console.log(`${name}: ${round(medianOf(name))} ms`);
verdict("importing / empty script", medianOf("import") / medianOf("empty"), "≤", 1.25);

const loaded = start(
  `import "dagwright"; console.log(process.moduleLoadList.filter((m) => /worker_threads|sqlite|http|net$|tls/.test(m)).join());`,
);
const bare = start(
  `console.log(process.moduleLoadList.filter((m) => /worker_threads|sqlite|http|net$|tls/.test(m)).join());`,
);
expectSame(loaded.toString(), bare.toString(), "The list of heavy built-in modules loaded");
console.log("Nothing heavy is loaded.");
