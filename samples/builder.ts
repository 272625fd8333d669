/**
 * The builder API: a dag without a class. Counts the words of this repository's licence and draws the dag.
 *
 * Prints the three most frequent words, then the dag as a Mermaid flowchart:
 *
 *     the 15, or 9, software 9
 *     flowchart LR
 */
import { readFile } from "node:fs/promises";
import { Dag } from "dagwright";

const dag = new Dag("words");
const text = dag.node("text", () => readFile(new URL("../LICENSE", import.meta.url), "utf8"));
const words = dag.node("words", { needs: [text] }, (licence) => licence.toLowerCase().match(/\p{L}+/gu) ?? []);
const counts = dag.node("counts", { needs: [words] }, (all) => {
  const count = new Map<string, number>();
  for (const word of all) count.set(word, (count.get(word) ?? 0) + 1);
  return count;
});
const isLong = dag.condition("isLong", { needs: [counts] }, (count) => count.size > 3);
const top = dag.node("top", { needs: [isLong.onTrue] }, (count) =>
  [...count].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, 3),
);
dag.node("few", { needs: [isLong.onFalse] }, (count) => [...count]);

const run = await dag.run({ mode: "async" });
console.log(
  run
    .get(top)
    .map(([word, count]) => `${word} ${count}`)
    .join(", "),
);
console.log(dag.toMermaid({ direction: "LR" }));
