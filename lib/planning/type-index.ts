import { append } from "../base/append.js";
import type { Class } from "../base/class-state.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { typesOf } from "../definition/typings/node-types.js";

/**
 * Finds the nodes that return a class or a subclass of it. Cost: O(distinct return classes) for the first look-up of a
 * class.
 */
export class TypeIndex {
  private readonly byClass = new Map<Class, number[]>();
  private readonly found = new Map<Class, readonly number[]>();

  constructor(specs: readonly NodeSpec[]) {
    specs.forEach((spec, node) => {
      const { returns } = typesOf(spec);
      if (returns !== undefined) append(this.byClass, returns, node);
    });
  }

  /** The nodes that return `type`, in order of definition. */
  returning(type: Class): readonly number[] {
    let nodes = this.found.get(type);
    if (nodes === undefined) {
      const matching = Array.from(this.byClass).filter(
        ([returns]) => returns === type || returns.prototype instanceof type,
      );
      nodes = matching.flatMap(([, matches]) => matches).sort((a, b) => a - b);
      this.found.set(type, nodes);
    }
    return nodes;
  }
}
