/** Asks for a context for the first time in a process, in the way that its argument names. Prints what it got. */
import { Dag, getContext } from "dagwright";

const print = (line: string) => process.stdout.write(`${line}\n`);
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
/** A helper, whose callers don't name getContext. */
const here = () => getContext()?.nodeName;
const before = new Dag("before");
before.node("plain", () => 1);
const dag = new Dag("first");
const ways: Record<string, () => unknown> = {
  sync: () => here(),
  throughAwaits: async () => {
    const first = here();
    await turn();
    return [first, here()].join();
  },
  named: async () => {
    await turn();
    return getContext()?.nodeName;
  },
  late: async () => {
    await turn();
    return here();
  },
  announced: async () => {
    await turn();
    return here();
  },
};
process.on("warning", ({ message }) => print(message.slice(0, 48)));
const [, , way] = process.argv;
if (way === "announced") getContext();
await before.run();
dag.node("asking", ways[way]);
dag.node("next", { needs: ["asking"] }, async () => {
  await turn();
  return here();
});
const run = await dag.run();
print([run.get("asking"), run.get("next"), getContext()].map(String).join(" "));
