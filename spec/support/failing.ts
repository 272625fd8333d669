/** Nodes that fail, and what becomes of the others. */
import { Dag } from "dagwright";

export const boom = new Error("boom");

export const fails = () => {
  throw boom;
};

/** a → b → c, and d on its own; b fails. */
export function failing(): Dag {
  const dag = new Dag("failing");
  dag.node("a", () => 1);
  dag.node("b", { needs: ["a"] }, fails);
  dag.node("c", { needs: ["b"], params: ["x"] }, (x: unknown) => [x]);
  dag.node("d", () => "d");
  return dag;
}

/** The status of each node by name. */
export const statuses = (run: { nodes: ReadonlyMap<string, { status: string }> }) =>
  Object.fromEntries(Array.from(run.nodes, ([name, { status }]) => [name, status]));
