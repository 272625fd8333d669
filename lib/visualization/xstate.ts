import type { FsmPlan } from "../planning/fsm-plan.js";

/** One state of an {@link XStateConfig}. */
export interface XStateNode {
  readonly id: string;
  readonly type?: "final";
  readonly description?: string;
  readonly on?: Readonly<Record<string, { readonly target: string }>>;
}

/**
 * A config for XState v5's `createMachine`, for its visual tools: states and declared transitions, without functions.
 * An event named after a state leads to that state, the event `error` to the error state.
 */
export interface XStateConfig {
  readonly id: string;
  readonly initial: string;
  readonly states: Readonly<Record<string, XStateNode>>;
}

export function toXState({ workflow, specs, initial, isTerminal, edges }: FsmPlan): XStateConfig {
  const states: [string, XStateNode][] = specs.map(({ name, description }, i) => {
    const on: [string, { target: string }][] = [];
    for (const { from, to, kind } of edges) {
      if (from === i) on.push([kind === "error" ? "error" : specs[to].name, { target: `#${idOf(to)}` }]);
    }
    const node = { id: idOf(i), ...(description === undefined ? {} : { description }) };
    return [name, isTerminal[i] ? { ...node, type: "final" } : { ...node, on: Object.fromEntries(on) }];
  });
  return { id: workflow, initial: specs[initial].name, states: Object.fromEntries(states) };
}

/** An id without the dots and hashes that names may contain and XState interprets. */
function idOf(state: number): string {
  return `s${state}`;
}
