import type { Class } from "./node-options.js";
import type { Origin } from "./origin.js";
import { workerScope } from "./worker-scope.js";

/** How a worker finds a class again. */
export interface ClassOrigin {
  readonly name: string;
  readonly origin: Origin;
}

const classes = new WeakMap<object, ClassOrigin>();
const argumentsOf = new WeakMap<object, readonly unknown[]>();

/**
 * Remembers where a class was decorated, and has its instances remember what they were made with, so that a worker can
 * make them again.
 * @returns the class to use instead
 */
export function registerClass<C extends Class>(target: C, name: string, origin: Origin): C {
  classes.set(target, { name, origin });
  workerScope()?.decorated(target, name, origin);
  return new Proxy(target, {
    construct(_, args: unknown[], newTarget) {
      const instance = Reflect.construct(target as unknown as new () => object, args, newTarget) as object;
      argumentsOf.set(instance, args);
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
