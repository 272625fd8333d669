import type { Class } from "./node-options.js";
import type { Origin } from "./origin.js";
import { workerScope } from "./worker-scope.js";

/** How a worker finds a class again. */
export interface ClassOrigin {
  readonly name: string;
  readonly origin: Origin;
}

type Functions = ReadonlyMap<string, unknown>;

const classes = new WeakMap<object, ClassOrigin>();
const argumentsOf = new WeakMap<object, readonly unknown[]>();
/** What stood in the places of methods: of a class, when it was decorated; of an instance, when it was made. */
const made = new WeakMap<object, Functions>();

/**
 * Remembers where a class was decorated, and has its instances remember what they were made with, so that a worker can
 * make them again.
 * @returns the class to use instead
 */
export function registerClass<C extends Class>(target: C, name: string, origin: Origin): C {
  classes.set(target, { name, origin });
  made.set(target, inheritedFunctions(target.prototype as object));
  workerScope()?.decorated(target, name, origin);
  return new Proxy(target, {
    construct(_, args: unknown[], newTarget) {
      const instance = Reflect.construct(target as unknown as new () => object, args, newTarget) as object;
      argumentsOf.set(instance, args);
      made.set(instance, ownFunctions(instance));
      return instance;
    },
  });
}

/** Where a class itself (not a parent of it) was decorated with `@workflow`. */
export function classOrigin(target: object): ClassOrigin | undefined {
  return classes.get(target);
}

/** What an instance of a decorated class was made with. */
export function constructorArguments(instance: object): readonly unknown[] | undefined {
  return argumentsOf.get(instance);
}

/** What a worker finds in a method's place when it makes the instance again; undefined where that is not known. */
export function functionAsMade(instance: object, key: string): unknown {
  return made.get(instance)?.get(key) ?? made.get(instance.constructor)?.get(key);
}

function inheritedFunctions(prototype: object): Functions {
  const functions = new Map<string, unknown>();
  for (let next: object | null = prototype; next !== null; next = Object.getPrototypeOf(next) as object | null) {
    for (const [key, fn] of ownFunctions(next)) if (!functions.has(key)) functions.set(key, fn);
  }
  return functions;
}

function ownFunctions(object: object): Functions {
  const functions = new Map<string, unknown>();
  for (const key of Object.getOwnPropertyNames(object)) {
    const value: unknown = Object.getOwnPropertyDescriptor(object, key)?.value;
    if (typeof value === "function") functions.set(key, value);
  }
  return functions;
}
