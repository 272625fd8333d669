import type { Backend, Dag } from "dagwright";

/** A copy of a dag whose nodes are on a backend, except those that are inline, and choices. */
export function placedOn<D extends Dag<any>>(dag: D, backendOf: (node: string) => Backend | string): D {
  const copy = dag.clone() as D;
  for (const { name, kind, options } of dag.nodes.values()) {
    if (options.backend === "inline" || kind === "condition" || kind === "select") continue;
    copy.configureNode(name, { backend: backendOf(name) });
  }
  return copy;
}
