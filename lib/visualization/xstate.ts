import type { FsmPlan } from "../planning/fsm-plan.js";

/** One state of an {@link XStateConfig}. */
export interface XStateNode {
  /** Unique in the machine; not the name of the state, which may contain characters that XState interprets. */
  readonly id: string;
  /** Set on terminal states. */
  readonly type?: "final";
  /** The option `description` of the state. */
  readonly description?: string;
  /** The next states, by event; terminal states have none. A `target` is `#` and the `id` of a state. */
  readonly on?: Readonly<Record<string, { readonly target: string }>>;
}

/**
 * A config for XState v5's `createMachine`, for its visual tools: states and declared transitions, without functions.
 * An event named after a state leads to that state, the event `error` to the error state.
 */
export interface XStateConfig {
  /** The name of the fsm. */
  readonly id: string;
  /** The name of the initial state. */
  readonly initial: string;
  /** All states by name, in order of definition. */
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
