/** A dag of many nodes for many workers, and a process that works for it: `crowd.ts <options as JSON>`. */
import { appendFileSync, existsSync } from "node:fs";
import { Dag, type Backends } from "dagwright";
import { worker, type WorkerOptions } from "dagwright/bullmq";

/** How many nodes there are that wait until they may end. */
export const SLOW = 8;

/** Node `n7` gives 7, on the backend `fast`. Node `s7` does so on `slow`, when the file `open` beside the ledger is there. */
export function crowd(nodes: number, backends?: Backends): Dag<any> {
  const dag = new Dag<any>("crowd", backends === undefined ? {} : { backends });
  const call = (ledger: string, name: string) => appendFileSync(ledger, `${name} ${process.pid}\n`);
  for (let i = 0; i < SLOW; i++) {
    dag.node(`s${i}`, { backend: "slow" }, async (ledger: string) => {
      call(ledger, `s${i}`);
      while (!existsSync(`${ledger}.open`)) await new Promise((resolve) => setTimeout(resolve, 10));
      return i;
    });
  }
  for (let i = 0; i < nodes; i++) {
    dag.node(`n${i}`, { backend: "fast" }, (ledger: string) => (call(ledger, `n${i}`), i));
  }
  return dag;
}

const options = process.argv[2];
if (options?.startsWith("{") === true) {
  const { nodes, ...own } = JSON.parse(options) as Omit<WorkerOptions, "workflows"> & { nodes: number };
  await worker({ ...own, workflows: [crowd(nodes)] }).ready();
  process.stdout.write("ready\n");
}
