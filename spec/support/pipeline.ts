/** A dag to be recorded. */
import { Dag } from "dagwright";

export const statuses = (nodes: ReadonlyMap<string, { readonly status: string }>) =>
  Object.fromEntries(Array.from(nodes, ([name, { status }]) => [name, status]));

/** The names of nodes in the order of their calls. */
export const calls: string[] = [];

/** load → clean → report, and clean → stats. Nodes in `broken` fail. */
export function pipeline(broken = new Set<string>()): Dag<any> {
  const dag = new Dag<any>("pipeline");
  const called = <T>(name: string, value: T): T => {
    calls.push(name);
    if (broken.has(name)) throw new Error(`${name} is broken`);
    return value;
  };
  dag.node("load", (from: unknown) => called("load", [1, 2, from]));
  dag.node("clean", { needs: ["load"] }, (rows: unknown[]) => called("clean", rows.length));
  dag.node("report", { needs: ["clean"] }, (n: number) => called("report", `n=${n}`));
  dag.node("stats", { needs: ["clean"] }, (n: number) => called("stats", { n }));
  return dag;
}

export const inputs = { from: 3 };
