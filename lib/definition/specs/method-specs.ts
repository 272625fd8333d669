import "reflect-metadata/lite";
import type { NodeOptions } from "./node-options.js";
import type { NodeFunction, NodeKind } from "./node-spec.js";
import type { StateOptions } from "./state-spec.js";

/** The spec that a decorator attaches to a method. */
export type MethodSpec =
  | { readonly kind: Exclude<NodeKind, "state">; readonly options: NodeOptions }
  | { readonly kind: "state"; readonly options: StateOptions };

/** A decorated method. `fn` is the decorated function, which may have been replaced since. */
export interface DecoratedMethod {
  readonly key: string;
  /** Undefined for a field, which holds a workflow. */
  readonly fn: NodeFunction | undefined;
  readonly spec: MethodSpec;
}

// Shared by all copies of this module in a process, such as an ESM and a CommonJS one.
const METHOD = Symbol.for("dagwright:node");
const METHODS = Symbol.for("dagwright:nodes");

const NONE: ReadonlySet<DecoratedMethod> = new Set();

/** Attaches a spec to the function, so that copies of the method have it too. */
export function attachToFunction(fn: NodeFunction, spec: MethodSpec): void {
  Reflect.defineMetadata(METHOD, spec, fn);
}

/** Attaches a spec to a prototype, where it stays when the function is replaced. A later one with the same key wins. */
export function attachToPrototype(prototype: object, method: DecoratedMethod): void {
  const known = Reflect.getOwnMetadata(METHODS, prototype) as Set<DecoratedMethod> | undefined;
  if (known === undefined) Reflect.defineMetadata(METHODS, new Set([method]), prototype);
  else known.add(method);
}

/** The spec that is attached to a function, if any. */
export function specOnFunction(fn: object): MethodSpec | undefined {
  return Reflect.getOwnMetadata(METHOD, fn) as MethodSpec | undefined;
}

/** The decorated methods that are attached to a prototype, with inherited ones first. */
export function methodsOnPrototype(prototype: object): ReadonlySet<DecoratedMethod> {
  return (Reflect.getOwnMetadata(METHODS, prototype) as Set<DecoratedMethod> | undefined) ?? NONE;
}
