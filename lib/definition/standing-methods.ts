import { show } from "../base/check.js";
import { InvalidNodeError } from "../base/errors.js";
import { methodsOnPrototype, specOnFunction, type DecoratedMethod, type MethodSpec } from "./specs/method-specs.js";
import type { NodeFunction, NodeSpec } from "./specs/node-spec.js";
import { takesAnything } from "./specs/params.js";

/** A method that is a node. */
export interface Method {
  readonly self: object;
  readonly key: string;
  /** The function whose parameters count, which need not be the one that is called. */
  readonly declared: NodeFunction;
}

/**
 * The methods of an instance that are decorated, in order of declaration, a parent's before its child's.
 *
 * A spec is of a class and a key, so that it outlives what other decorators, spies and children put in the method's place.
 * Where no constructor told the class, it is found on the function.
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
      // A wrapper may carry a copy of the spec.
      if (spec !== undefined && !known.has(fn) && !known.has(spec))
        methods.set(key, { key, fn: fn as NodeFunction, spec });
    }
  }
  return Array.from(methods.values(), (method) => {
    const { key, spec } = method;
    return { self, key, spec, declared: declaredBy(method, chain) };
  });
}

/** Functions that call whatever stands in a method's place at each call. */
const passing = new WeakSet<NodeFunction>();

/**
 * The function that stands in a method's place. Where that is another one at each look (a getter that binds, a proxy that
 * traces), one that calls whatever stands there.
 * @throws {InvalidNodeError} INVALID_NODE when there is none
 */
export function standingFunction(self: object, key: string): NodeFunction {
  const fn = functionAt(self, key);
  if (fn === functionAt(self, key)) return fn;
  const pass: NodeFunction = (...args) => functionAt(self, key).apply(self, args);
  passing.add(pass);
  return pass;
}

function functionAt(self: object, key: string): NodeFunction {
  const fn = (self as Record<string, unknown>)[key];
  if (typeof fn === "function") return fn as NodeFunction;
  throw new InvalidNodeError(
    `"${key}" of class "${self.constructor.name}" was decorated as a method, but is no function any more; ` +
      `received ${show(fn)}. Put a function there, or take the decorator away.`,
  );
}

/**
 * Has all specs call what stands in the place of their methods now. Gives whether that is new for any. Cost: O(nodes).
 * @throws {InvalidNodeError} INVALID_NODE when nothing stands there any more
 */
export function lookAgain<S extends NodeSpec>(specs: Map<string, S>): boolean {
  let isNew = false;
  for (const spec of specs.values()) {
    const { self, method, fn } = spec;
    if (method === undefined || (self as Record<string, unknown>)[method] === fn || passing.has(fn)) continue;
    specs.set(spec.name, Object.freeze({ ...spec, fn: standingFunction(self as object, method) }));
    isNew = true;
  }
  return isNew;
}

/** From the farthest parent on. */
function prototypesOf(self: object): object[] {
  const chain: object[] = [];
  for (let next = prototypeOf(self); next !== null && next !== Object.prototype; next = prototypeOf(next)) {
    chain.unshift(next);
  }
  return chain;
}

/** That of the decorated method, unless a child declares parameters of its own. Spies and wrappers say nothing of them. */
function declaredBy({ key, fn }: DecoratedMethod, chain: readonly object[]): NodeFunction {
  if (ownFunction(chain[chain.length - 1], key) === fn) return fn;
  const declarations = chain.flatMap((prototype) => ownFunction(prototype, key) ?? []);
  const position = declarations.indexOf(fn);
  // What stands alone has taken the place of the decorated one; the last of several is a child's.
  const children = position >= 0 ? declarations.slice(position + 1) : declarations.slice(1).slice(-1);
  return children.findLast((child) => !takesAnything(child)) ?? fn;
}

function ownFunction(prototype: object, key: string): NodeFunction | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(prototype, key)?.value;
  return typeof value === "function" ? (value as NodeFunction) : undefined;
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null;
}
