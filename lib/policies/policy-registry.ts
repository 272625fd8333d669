import type { NodeFunction, NodeSpec } from "../definition/specs/node-spec.js";

/**
 * Policies whose state outlives runs, created on first use: one per key, or one per node of a workflow for nodes
 * without a key. Such a node is identified by its function, its name and its workflow's name: every `Dag.from` of a
 * class finds the same policy, which is garbage-collected with the function.
 */
export class PolicyRegistry<T> {
  private readonly byKey = new Map<string, T>();
  private readonly byFunction = new WeakMap<NodeFunction, Map<string, T>>();

  constructor(private readonly create: () => T) {}

  get(key: string): T | undefined {
    return this.byKey.get(key);
  }

  /** The policies with a key. */
  keyed(): Iterable<[string, T]> {
    return this.byKey;
  }

  getOrCreate(key: string | undefined, workflow: string, { declared, name }: NodeSpec): T {
    if (key !== undefined) return this.in(this.byKey, key);
    let policies = this.byFunction.get(declared);
    if (policies === undefined) this.byFunction.set(declared, (policies = new Map<string, T>()));
    // Node names contain no dots.
    return this.in(policies, `${workflow}.${name}`);
  }

  private in(policies: Map<string, T>, key: string): T {
    let policy = policies.get(key);
    if (policy === undefined) policies.set(key, (policy = this.create()));
    return policy;
  }
}
