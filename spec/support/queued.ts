import { Dag } from "dagwright";
import type { ServedWorkflow, Submission } from "../../lib/stores/queue/queue.js";

/** A workflow whose runs specs submit. */
export function order() {
  const dag = new Dag("order");
  dag.node("double", (of: number) => of * 2);
  return dag;
}

/** The workflow as a service serves it. */
export const served: ServedWorkflow = {
  name: "order",
  kind: "dag",
  structures: ['[["double","node","input of"]]'],
};

export function submitted(runId: string, more: Partial<Submission> = {}): Submission {
  return { runId, workflow: "order", kind: "dag", structure: served.structures[0], inputs: { of: 1 }, ...more };
}
