import { shared } from "../base/shared.js";
import type { NodeOptions } from "./node-options.js";
import type { NodeFunction, NodeKind } from "./node-spec.js";
import type { StateOptions } from "./state-spec.js";

/** What a decorator leaves on a method. */
export type MethodSpec =
  | { readonly kind: Exclude<NodeKind, "state">; readonly options: NodeOptions }
  | { readonly kind: "state"; readonly options: StateOptions };

/** A decorated method: what is to become of it, and the function that was decorated, which need not stand there any more. */
export interface DecoratedMethod {
  readonly key: string;
  readonly fn: NodeFunction;
  readonly spec: MethodSpec;
}

const onFunctions = shared("nodes of functions", () => new WeakMap<object, MethodSpec>());
const onPrototypes = shared("nodes of prototypes", () => new WeakMap<object, Set<DecoratedMethod>>());

const NONE: ReadonlySet<DecoratedMethod> = new Set();

/** Leaves a spec on the function, wherever that goes. */
export function leaveOnFunction({ fn, spec }: DecoratedMethod): void {
  onFunctions.set(fn, spec);
}

/** Leaves a spec on a prototype, whatever comes to stand in the function's place. A later one of the same key holds. */
export function leaveOnPrototype(prototype: object, method: DecoratedMethod): void {
  const known = onPrototypes.get(prototype);
  if (known === undefined) onPrototypes.set(prototype, new Set([method]));
  else known.add(method);
}

/** The spec that a decorator put on a function, if any. */
export function specOnFunction(fn: object): MethodSpec | undefined {
  return onFunctions.get(fn);
}

/** The methods that were decorated on a prototype, a parent's among them before its child's. */
export function methodsOnPrototype(prototype: object): ReadonlySet<DecoratedMethod> {
  return onPrototypes.get(prototype) ?? NONE;
}
