/** A workflow with schemas, whose node runs on a worker thread. Workers import it. */
import { isMainThread } from "node:worker_threads";
import { z } from "zod";
import { Dag } from "dagwright";

export const threads: boolean[] = [];

export const checked = new Dag("checked", { inputs: { size: z.coerce.number().default(2) } });
const where = z.boolean().transform((isMain) => {
  threads.push(isMainThread);
  return { called: isMain, checked: isMainThread };
});
checked.node("where", { backend: "thread", output: where }, (size: number) => (size < 0 ? "?" : isMainThread));

/** A dag from data. */
export const read = Dag.fromJSON(
  { version: 1, kind: "dag", name: "read", nodes: [{ name: "first" }, { name: "second", needs: ["first"] }] },
  { functions: { first: () => isMainThread, second: (first: boolean) => [first, isMainThread] } },
);
