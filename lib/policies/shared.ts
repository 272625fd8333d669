import type { NodeFunction, NodeSpec } from "../definition/specs/node-spec.js";

/**
 * State that outlives runs: one for each key, and where there is no key one for each node of a workflow. A node is known
 * again by its function, its name and its workflow's name, so that every `Dag.from` of a class finds the same state, and
 * what no dag holds any more is let go.
 */
export class Shared<T> {
  private readonly byKey = new Map<string, T>();
  private readonly byFunction = new WeakMap<NodeFunction, Map<string, T>>();

  constructor(private readonly make: () => T) {}

  /** The state under a key, if there is one yet. */
  peek(key: string): T | undefined {
    return this.byKey.get(key);
  }

  /** The states that have keys. */
  keyed(): Iterable<[string, T]> {
    return this.byKey;
  }

  of(key: string | undefined, workflow: string, { declared, name }: NodeSpec): T {
    if (key !== undefined) return this.in(this.byKey, key);
    let states = this.byFunction.get(declared);
    if (states === undefined) this.byFunction.set(declared, (states = new Map<string, T>()));
    // Names of nodes hold no dots.
    return this.in(states, `${workflow}.${name}`);
  }

  private in(states: Map<string, T>, key: string): T {
    let state = states.get(key);
    if (state === undefined) states.set(key, (state = this.make()));
    return state;
  }
}
