import type { FsmEdge, FsmGraph } from "../index.js";

/** Lines to error states have a style of their own. */
export const TRANSITION_WORDS: Readonly<Record<FsmEdge["kind"], readonly string[]>> = {
  to: [],
  transition: ["when"],
  default: ["default"],
  error: [],
};

/** How often each state followed another one. */
export type Passes = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** The passes of a run. */
export function passesOf(steps: readonly string[]): Passes {
  const passes = new Map<string, Map<string, number>>();
  steps.slice(1).forEach((to, i) => {
    const from = steps[i];
    const counts = passes.get(from) ?? new Map<string, number>();
    counts.set(to, (counts.get(to) ?? 0) + 1);
    passes.set(from, counts);
  });
  return passes;
}

/** Whether a transition is taken only by failures. */
export function isError(kinds: readonly FsmEdge["kind"][]): boolean {
  return kinds.length === 1 && kinds[0] === "error";
}

/** From how many states it takes that lines to an error state would hide all others. */
const MANY = 3;

/** The state that all others lead to when they fail. It says so, and needs no lines. */
export function generalErrorState({ nodes, edges }: FsmGraph): string | undefined {
  const targets = edges.filter(({ kind }) => kind === "error").map(({ to }) => to);
  const isGeneral = targets.length >= MANY && targets.length === nodes.length - 1 && new Set(targets).size === 1;
  return isGeneral ? targets[0] : undefined;
}

/** The transitions from one state to another. */
export interface DrawnTransition {
  readonly from: string;
  readonly to: string;
  readonly kinds: FsmEdge["kind"][];
}

/** The declared transitions, and those that a run took without: one for each two states. */
export function transitions({ nodes, edges }: FsmGraph, passes: Passes): DrawnTransition[] {
  const byEnds = new Map<string, DrawnTransition>();
  const add = (from: string, to: string, kinds: FsmEdge["kind"][]) => {
    const key = JSON.stringify([from, to]);
    const known = byEnds.get(key);
    if (known === undefined) byEnds.set(key, { from, to, kinds: [...kinds] });
    else known.kinds.push(...kinds.filter((kind) => !known.kinds.includes(kind)));
  };
  for (const { from, to, kind } of edges) add(from, to, [kind]);
  const names = new Set(nodes.map(({ name }) => name));
  for (const [from, counts] of passes) {
    for (const to of counts.keys()) if (names.has(from) && names.has(to)) add(from, to, []);
  }
  return Array.from(byEnds.values());
}
