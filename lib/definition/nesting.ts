import { ValidationError } from "../base/errors.js";
import { shortWay } from "../base/message.js";
import type { ChildWorkflow } from "./defined.js";

/** The workflows inside of one, at any depth. */
export interface Nesting {
  /** Each once, and each after those inside of it. */
  readonly inside: readonly ChildWorkflow[];
  /** Those that contain themselves; the outermost may be one of them. */
  readonly cyclic: ReadonlySet<ChildWorkflow>;
  /** Whether each node's source is a workflow. */
  readonly isComplete: boolean;
}

/** More levels than anybody writes: a function that returns a new workflow each time would add levels forever. */
const MAX_LEVELS = 10_000;

/** The number of a workflow of which it is known whether it contains itself. */
const DONE = -1;

/**
 * Finds the workflows inside of one.
 *
 * @throws {ValidationError} VALIDATION when they are more than 10,000 levels deep
 *
 * Source: the path-based strong component algorithm (Gabow, 2000), without recursion. Cost: O(nodes that are workflows).
 */
export function nestingOf(root: ChildWorkflow): Nesting {
  const inside: ChildWorkflow[] = [];
  const cyclic = new Set<ChildWorkflow>();
  const numbers = new Map<ChildWorkflow, number>();
  const unassigned: ChildWorkflow[] = [];
  const roots: number[] = [];
  const open: { readonly workflow: ChildWorkflow; readonly found: Generator<Found> }[] = [];
  let isComplete = true;
  const onUnknown = () => (isComplete = false);
  const enter = (workflow: ChildWorkflow) => {
    if (open.length === MAX_LEVELS) throw tooDeep(root, open);
    roots.push(numbers.size);
    numbers.set(workflow, numbers.size);
    unassigned.push(workflow);
    open.push({ workflow, found: workflowsIn(workflow, onUnknown) });
  };
  enter(root);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const { workflow } = top;
    const next = top.found.next();
    if (next.done !== true) {
      const number = numbers.get(next.value.workflow);
      if (number === undefined) enter(next.value.workflow);
      else if (number !== DONE) while ((roots.at(-1) as number) > number) roots.pop();
      if (next.value.workflow === workflow) cyclic.add(workflow);
      continue;
    }
    open.pop();
    if (workflow !== root) inside.push(workflow);
    if (roots.at(-1) !== numbers.get(workflow)) continue;
    roots.pop();
    const members = unassigned.splice(unassigned.lastIndexOf(workflow));
    for (const member of members) {
      numbers.set(member, DONE);
      if (members.length > 1) cyclic.add(member);
    }
  }
  return { inside, cyclic, isComplete };
}

function tooDeep({ name }: ChildWorkflow, open: readonly { readonly workflow: ChildWorkflow }[]): ValidationError {
  const way = shortWay(open.map(({ workflow }) => workflow.name)).join(" › ");
  return new ValidationError(
    `Workflow "${name}" contains workflows more than ${MAX_LEVELS} levels deep: ${way}. ` +
      "If a function of a subworkflow makes a new workflow each time, make it once, outside of the function; " +
      "for recursion, run the workflow from a node, with ctx.run.",
  );
}

/** A node that is a workflow. */
interface Found {
  readonly node: string;
  readonly workflow: ChildWorkflow;
}

/** A workflow in a workflow, and how it is reached. */
interface Step extends Found {
  readonly outer: Step | undefined;
}

/** The nodes that lead from a workflow back to itself, by the shortest way; undefined if it does not contain itself. */
export function wayToItself(root: ChildWorkflow): string[] | undefined {
  const seen = new Set<ChildWorkflow>();
  const open: Step[] = Array.from(workflowsIn(root), (found) => ({ ...found, outer: undefined }));
  for (const step of open) {
    const { workflow } = step;
    if (workflow === root) {
      const way: string[] = [];
      for (let at: Step | undefined = step; at !== undefined; at = at.outer) way.push(at.node);
      return way.reverse();
    }
    if (seen.has(workflow)) continue;
    seen.add(workflow);
    for (const found of workflowsIn(workflow)) open.push({ ...found, outer: step });
  }
  return undefined;
}

/** The workflows in the nodes of one, without those whose source is none, which planning reports. */
function* workflowsIn({ subworkflows }: ChildWorkflow, onUnknown?: () => void): Generator<Found> {
  for (const [node, subworkflow] of subworkflows) {
    let workflow: ChildWorkflow;
    try {
      ({ workflow } = subworkflow);
    } catch {
      onUnknown?.();
      continue;
    }
    yield { node, workflow };
  }
}
