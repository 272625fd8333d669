import { classOf } from "../../base/class-state.js";
import { processWide } from "../../base/process-wide.js";
import type { Class } from "../../base/class-state.js";
import { classNames } from "./name-registry.js";
import type { NodeSpec } from "../specs/node-spec.js";
import type { Origin } from "./origin.js";
import { workerScope } from "./worker-scope.js";

interface KnownClass {
  readonly name: string;
  readonly origin: Origin;
  /** The methods when `@workflow` was applied; undefined for a class without it. */
  readonly functions: ReadonlyMap<string, unknown> | undefined;
}

const classes = processWide("classes", () => new WeakMap<object, KnownClass>());

/** Records where a class was decorated with `@workflow`. */
export function registerClass(target: Class, name: string, origin: Origin): void {
  register(target, { name, origin, functions: inheritedFunctions(target.prototype as object) });
}

/** Records where a workflow was made from an instance, so that workers find its class even without `@workflow`. */
export function registerInstance(instance: object, origin: Origin): void {
  const target = classOf(Object.getPrototypeOf(instance) as object);
  if (target === undefined) return;
  const known = classes.get(target);
  if (known === undefined) register(target, { name: target.name, origin, functions: undefined });
  else if (known.functions === undefined) workerScope()?.classDefined(target, known.name, origin);
}

function register(target: Class, known: KnownClass): void {
  classes.set(target, known);
  classNames.remember(known.name, known.origin);
  workerScope()?.classDefined(target, known.name, known.origin);
}

/**
 * Where workers find an instance's class: the module that decorated it with `@workflow`, otherwise the one that made
 * this workflow from it, and the name of the class. A reason if they can't find it.
 */
export function classAddress(instance: object, workflow: Origin): readonly [module: string, name: string] | string {
  const known = knownClass(instance);
  if (known === undefined) return "its instance has no class of its own";
  const { name, functions } = known;
  if (name === "") return "its class has no name; give it one, or @workflow({ name })";
  const { module } = functions === undefined ? workflow : known.origin;
  if (module === undefined)
    return "the module that defines its class is not a file; set it with @workflow({ module: import.meta.url })";
  if (!classNames.isOnly(name, known.origin, module))
    return `its module defines several classes "${name}", which workers can't tell apart`;
  return [module, name];
}

/** Whether workers find the same function under the key of a method. */
export function isOriginalMethod(instance: object, key: string, { fn, declared }: NodeSpec): boolean {
  const functions = knownClass(instance)?.functions;
  if (functions !== undefined) return functions.get(key) === fn;
  let owner = instance as object | null;
  while (owner !== null && !Object.hasOwn(owner, key)) owner = Object.getPrototypeOf(owner) as object | null;
  const target = owner === null ? undefined : classOf(owner);
  if (owner === null || target === undefined) return false;
  // Spies and wrappers are not in the class's source, and its other methods have other names.
  if (fn.name !== key || !sourceOf(target).includes(sourceOf(fn))) return false;
  // A subclass's method that takes any arguments has the parameters of its parent's method.
  return fn === declared || Reflect.get(Object.getPrototypeOf(owner) as object, key) === declared;
}

function knownClass(instance: object): KnownClass | undefined {
  const target = classOf(Object.getPrototypeOf(instance) as object);
  return target && classes.get(target);
}

function sourceOf(fn: unknown): string {
  return Function.prototype.toString.call(fn);
}

function inheritedFunctions(prototype: object): ReadonlyMap<string, unknown> {
  const functions = new Map<string, unknown>();
  for (let next: object | null = prototype; next !== null; next = Object.getPrototypeOf(next) as object | null) {
    for (const key of Object.getOwnPropertyNames(next)) {
      const value: unknown = Object.getOwnPropertyDescriptor(next, key)?.value;
      if (typeof value === "function" && !functions.has(key)) functions.set(key, value);
    }
  }
  return functions;
}
