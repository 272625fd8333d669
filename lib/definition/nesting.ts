import type { ChildWorkflow } from "./defined.js";

/** A workflow in a workflow, and how it is reached. */
interface Step {
  readonly workflow: ChildWorkflow;
  /** The node that holds it. */
  readonly node: string;
  readonly outer: Step | undefined;
}

/** The sum of the revisions of all workflows inside. It changes with every change of one of them. */
export function revisionBelow(root: ChildWorkflow): number {
  let sum = 0;
  for (const { workflow } of steps(root)) sum += workflow.ownRevision;
  return sum;
}

/** The nodes that lead from a workflow back to itself; undefined if it does not contain itself. */
export function wayToItself(root: ChildWorkflow): string[] | undefined {
  for (const step of steps(root)) {
    if (step.workflow !== root) continue;
    const way: string[] = [];
    for (let at: Step | undefined = step; at !== undefined; at = at.outer) way.unshift(at.node);
    return way;
  }
  return undefined;
}

/** All workflows inside, each once, without recursion. Includes the workflow itself if it contains itself. */
function* steps(root: ChildWorkflow): Generator<Step> {
  const seen = new Set<ChildWorkflow>();
  const open: { readonly workflow: ChildWorkflow; readonly step: Step | undefined }[] = [
    { workflow: root, step: undefined },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const [node, { workflow }] of next.workflow.subworkflows) {
      if (seen.has(workflow)) continue;
      seen.add(workflow);
      const step = { workflow, node, outer: next.step };
      yield step;
      if (workflow !== root) open.push({ workflow, step });
    }
  }
}
