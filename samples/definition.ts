/**
 * Definitions as data: a dag that an editor or a file can hold, without its functions, and the dag made of it again.
 *
 * Prints:
 *
 *     kind: dag
 *     - name: words
 *     - id: longest
 *     the same: true
 *     longest: definitions
 *     There is no function "longest.pick".
 */
import { Dag, ValidationError, subworkflow } from "dagwright";

const functions = {
  words: (text: string) => text.split(" "),
  size: (word: string) => word.length,
  "longest.pick": (words: string[], sizes: number[]) => words[sizes.indexOf(Math.max(...sizes))],
};

const longest = new Dag("longest", { description: "a workflow inside" });
longest.node("pick", functions["longest.pick"]);

const dag = new Dag("text", { description: "finds the longest word" });
dag.node("words", { timeout: 1000 }, functions.words);
dag.map("size", { needs: ["words"], concurrency: 8 }, functions.size);
dag.node("longest", { metadata: { x: 120, y: 40 } }, subworkflow(longest, { inputs: { sizes: "size" } }));

const yaml = dag.toYAML();
for (const line of yaml.split("\n").filter((text) => /^kind: dag|name: words|- id/u.test(text)))
  console.log(line.trim());

const json = JSON.stringify(dag);
const again = Dag.fromJSON(json, { functions });
console.log(`the same: ${JSON.stringify(again) === json && Dag.fromYAML(yaml, { functions }).toYAML() === yaml}`);

const run = await again.run({ inputs: { text: "all definitions are data" } });
console.log(`longest: ${String(run.value)}`);

try {
  Dag.fromJSON(json, { functions: { words: functions.words, size: functions.size } });
} catch (error) {
  if (!(error instanceof ValidationError)) throw error;
  for (const { message } of error.issues) console.log(message.slice(0, message.indexOf(" Pass")));
}
