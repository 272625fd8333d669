import { append } from "../base/append.js";
import type { Class } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { typesOf } from "../definition/typings/node-types.js";

/** Finds the nodes that return a class or a subclass of it. Cost: O(distinct return classes) the first time a class is asked for. */
export class TypeIndex {
  private readonly byClass = new Map<Class, number[]>();
  private readonly answers = new Map<Class, readonly number[]>();

  constructor(specs: readonly NodeSpec[]) {
    specs.forEach((spec, node) => {
      const { returns } = typesOf(spec);
      if (returns !== undefined) append(this.byClass, returns, node);
    });
  }

  /** In order of definition. */
  returning(type: Class): readonly number[] {
    let nodes = this.answers.get(type);
    if (nodes === undefined) {
      const fitting = Array.from(this.byClass).filter(
        ([returns]) => returns === type || returns.prototype instanceof type,
      );
      nodes = fitting.flatMap(([, found]) => found).sort((a, b) => a - b);
      this.answers.set(type, nodes);
    }
    return nodes;
  }
}
