import "reflect-metadata/lite";
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

// Shared by all copies of this module in a process, such as an ESM and a CommonJS one.
const METHOD = Symbol.for("dagwright:node");
const METHODS = Symbol.for("dagwright:nodes");

const NONE: ReadonlySet<DecoratedMethod> = new Set();

/** Leaves a spec on the function, wherever that goes. */
export function leaveOnFunction({ fn, spec }: DecoratedMethod): void {
  Reflect.defineMetadata(METHOD, spec, fn);
}

/** Leaves a spec on a prototype, whatever comes to stand in the function's place. A later one of the same key holds. */
export function leaveOnPrototype(prototype: object, method: DecoratedMethod): void {
  const known = Reflect.getOwnMetadata(METHODS, prototype) as Set<DecoratedMethod> | undefined;
  if (known === undefined) Reflect.defineMetadata(METHODS, new Set([method]), prototype);
  else known.add(method);
}

/** The spec that a decorator put on a function, if any. */
export function specOnFunction(fn: object): MethodSpec | undefined {
  return Reflect.getOwnMetadata(METHOD, fn) as MethodSpec | undefined;
}

/** The methods that were decorated on a prototype, a parent's among them before its child's. */
export function methodsOnPrototype(prototype: object): ReadonlySet<DecoratedMethod> {
  return (Reflect.getOwnMetadata(METHODS, prototype) as Set<DecoratedMethod> | undefined) ?? NONE;
}
