import type { Backend, Dag } from "dagwright";

/** What nodes of a repertoire do: give `value` back, never succeed, never end. */
export interface Works<W> {
  readonly echo: W;
  readonly fails: W;
  readonly hangs: W;
}

/** Gives a dag the nodes that every backend can execute. @param works - functions, or the backends that have them */
export function repertoire(dag: Dag, works: Works<((...args: any[]) => unknown) | Backend>): Dag {
  const define = (name: string, work: keyof Works<unknown>, options: object = {}) => {
    const does = works[work];
    if (typeof does === "function") return dag.node(name, options, does);
    return dag.node(name, { ...options, backend: does, params: work === "echo" ? ["value"] : [] });
  };
  define("echo", "echo");
  define("kept", "echo", { cache: { ttl: 1e6 } });
  define("fails", "fails", { errorStrategy: "continue" });
  define("retried", "fails", { retry: { retries: 2, delay: 0 } });
  define("replaced", "fails", { fallback: "stood in" });
  define("hangs", "hangs");
  define("late", "hangs", { timeout: 50 });
  return dag;
}
