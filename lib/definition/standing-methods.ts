import { show } from "../base/check.js";
import { InvalidNodeError } from "../base/errors.js";
import { methodsOnPrototype, specOnFunction, type DecoratedMethod, type MethodSpec } from "./specs/method-specs.js";
import type { Method, NodeFunction, NodeSpec } from "./specs/node-spec.js";
import { takesAnything } from "./specs/params.js";

/**
 * The decorated methods of an instance, in order of declaration, with inherited ones first.
 *
 * Specs are kept by class and key, so that they stay when other decorators, spies and subclasses replace the method. If
 * no constructor has run to register the class, the spec is read from the function.
 */
export function decoratedMethods(self: object): (Method & { readonly spec: MethodSpec })[] {
  const chain = prototypesOf(self);
  const methods = new Map<string, DecoratedMethod>();
  const known = new Set<unknown>();
  for (const method of chain.flatMap((prototype) => Array.from(methodsOnPrototype(prototype)))) {
    methods.set(method.key, method);
    known.add(method.fn).add(method.spec);
  }
  for (const prototype of chain) {
    for (const key of Object.getOwnPropertyNames(prototype)) {
      const fn = ownFunction(prototype, key);
      const spec = fn && specOnFunction(fn);
      // A wrapper may have a copy of the spec.
      if (spec !== undefined && !known.has(fn) && !known.has(spec))
        methods.set(key, { key, fn: fn as NodeFunction, spec });
    }
  }
  return Array.from(methods.values(), (method) => {
    const { key, spec } = method;
    return { self, key, spec, declared: declaredBy(method, chain) };
  });
}

/** Functions that look up the current method on each call. */
const lateBound = new WeakSet<NodeFunction>();

/**
 * The current function of a method. If each access returns another function, as with a binding getter or a tracing
 * proxy, returns a function that looks up the method on each call.
 * @throws {InvalidNodeError} INVALID_NODE when there is no function
 */
export function currentFunction(self: object, key: string): NodeFunction {
  const fn = functionAt(self, key);
  if (fn === functionAt(self, key)) return fn;
  const bound: NodeFunction = (...args) => functionAt(self, key).apply(self, args);
  lateBound.add(bound);
  return bound;
}

function functionAt(self: object, key: string): NodeFunction {
  const fn = (self as Record<string, unknown>)[key];
  if (typeof fn === "function") return fn as NodeFunction;
  throw new InvalidNodeError(
    `"${key}" of class "${self.constructor.name}" was decorated as a method, but is no longer a function; ` +
      `received ${show(fn)}. Assign a function, or remove the decorator.`,
  );
}

/**
 * Updates all specs to the current functions of their methods. Returns whether any has changed. Cost: O(nodes).
 * @throws {InvalidNodeError} INVALID_NODE when a method is no longer a function
 */
export function lookAgain<S extends NodeSpec>(specs: Map<string, S>): boolean {
  let isChanged = false;
  for (const spec of specs.values()) {
    const { self, method, fn } = spec;
    if (method === undefined || (self as Record<string, unknown>)[method] === fn || lateBound.has(fn)) continue;
    specs.set(spec.name, Object.freeze({ ...spec, fn: currentFunction(self as object, method) }));
    isChanged = true;
  }
  return isChanged;
}

/** The prototype chain, with the root class first. */
function prototypesOf(self: object): object[] {
  const chain: object[] = [];
  for (let next = prototypeOf(self); next !== null && next !== Object.prototype; next = prototypeOf(next)) {
    chain.unshift(next);
  }
  return chain;
}

/** The decorated function, or the override of a subclass if it declares parameters, which spies and wrappers do not. */
function declaredBy({ key, fn }: DecoratedMethod, chain: readonly object[]): NodeFunction | undefined {
  if (fn === undefined) return undefined;
  if (ownFunction(chain[chain.length - 1], key) === fn) return fn;
  const declarations = chain.flatMap((prototype) => ownFunction(prototype, key) ?? []);
  const position = declarations.indexOf(fn);
  // A single function has replaced the decorated one; the last of several belongs to a subclass.
  const overrides = position >= 0 ? declarations.slice(position + 1) : declarations.slice(1).slice(-1);
  return overrides.findLast((override) => !takesAnything(override)) ?? fn;
}

function ownFunction(prototype: object, key: string): NodeFunction | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(prototype, key)?.value;
  return typeof value === "function" ? (value as NodeFunction) : undefined;
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null;
}
