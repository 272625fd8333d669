import { Dag, type Backend } from "dagwright";

/** The names of the queues: of nodes, and of jobs of plain BullMQ. */
export const NODES = "nodes";
export const JOBS = "jobs";

/** How many nodes or jobs a worker has at a time. */
export const SLOTS = 50;
/** How many are in the queue or at workers at a time. */
const IN_FLIGHT = 1000;

export const increment = (n: number) => n + 1;

/** A run of as many small nodes as there are numbers, which gives their sum. Without a backend, they are inline. */
export function numbers(count: number, backend?: Backend): Dag {
  const dag = new Dag("numbers", { autowire: false });
  const list = dag.node("list", () => Array.from({ length: count }, (_, i) => i));
  const reduce = { initial: 0, fn: (sum: number, n: number) => sum + n };
  dag.map("each", { needs: [list], backend, concurrency: IN_FLIGHT, reduce }, increment);
  return dag.validateOrThrow();
}
