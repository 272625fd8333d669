/**
 * Definitions as data: a dag that an editor or a file can hold, without its functions, and the dag made of it again.
 *
 * Prints:
 *
 *     kind: dag
 *     - name: words
 *     needs:
 *     the same: true
 *     longest: definitions
 *     There is no function "longest".
 */
import { Dag, ValidationError } from "dagwright";

const functions = {
  words: (text: string) => text.split(" "),
  longest: (words: string[]) => words.reduce((a, b) => (b.length > a.length ? b : a)),
};

const dag = new Dag("text", { description: "finds the longest word" });
dag.node("words", { timeout: 1000 }, functions.words);
dag.node("longest", { needs: ["words"], metadata: { x: 120, y: 40 } }, functions.longest);

const yaml = dag.toYAML();
for (const line of yaml.split("\n").filter((text) => /kind: dag|name: words|needs/u.test(text)))
  console.log(line.trim());

const json = JSON.stringify(dag);
const again = Dag.fromJSON(json, { functions });
console.log(`the same: ${JSON.stringify(again) === json && Dag.fromYAML(yaml, { functions }).toYAML() === yaml}`);

const run = await again.run({ inputs: { text: "all definitions are data" } });
console.log(`longest: ${run.get("longest")}`);

try {
  Dag.fromJSON(json, { functions: { words: functions.words } });
} catch (error) {
  if (!(error instanceof ValidationError)) throw error;
  for (const { message } of error.issues) console.log(message.slice(0, message.indexOf(" Pass")));
}
