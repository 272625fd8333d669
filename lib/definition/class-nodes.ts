import { InvalidNodeError } from "../base/errors.js";
import { show } from "../base/check.js";
import type { DagOptions } from "./dag-options.js";
import { methodSpec, workflowSpec, type MethodSpec } from "./decorators.js";
import type { Class, NodeOptions } from "./node-options.js";
import { nodeSpec, type NodeFunction, type NodeSpec } from "./node-spec.js";

/** What an annotated class says of its workflow. */
export interface ClassWorkflow {
  readonly name: string;
  readonly options: DagOptions;
  /** In order of declaration, a parent's nodes before its child's. */
  readonly nodes: readonly NodeSpec[];
}

/**
 * Reads the workflow of an annotated class, or of an instance of one.
 *
 * A method's spec is that of the nearest class up the chain that decorated it; its function is always the most derived
 * one. A class is instantiated once, without arguments.
 * @throws {InvalidNodeError} INVALID_NODE when there is no decorated method, or one can't be a node
 */
export function readClass(source: object): ClassWorkflow {
  const instance = typeof source === "function" ? new (source as new () => object)() : source;
  if (typeof instance !== "object" || typeof instance?.constructor !== "function") {
    throw new InvalidNodeError(
      `A workflow is made from an annotated class or an instance of it; received ${show(source)}.`,
    );
  }
  const constructor = instance.constructor as Class;
  const { name = constructor.name || "workflow", ...options } = workflowSpec(constructor);
  const methods = decoratedMethods(instance);
  if (methods.size === 0) {
    throw new InvalidNodeError(`Class "${constructor.name}" has no decorated method. Put @node on at least one.`);
  }
  const nodes = Array.from(methods, ([key, { kind, options: own }]) => {
    const fn = (instance as Record<string, unknown>)[key];
    return nodeSpec(kind, own.name ?? key, fn as NodeFunction, withTypes(own, instance, key), instance);
  });
  return { name, options, nodes };
}

/** Method names with the spec that holds for each, a parent's before its child's. */
function decoratedMethods(instance: object): Map<string, MethodSpec> {
  const chain: object[] = [];
  for (
    let proto = instance;
    proto !== null && proto !== Object.prototype;
    proto = Object.getPrototypeOf(proto) as object
  ) {
    chain.unshift(proto);
  }
  const methods = new Map<string, MethodSpec>();
  for (const proto of chain) {
    for (const key of Object.getOwnPropertyNames(proto)) {
      const value: unknown = Object.getOwnPropertyDescriptor(proto, key)?.value;
      const spec = typeof value === "function" ? methodSpec(value) : undefined;
      if (spec !== undefined) methods.set(key, spec);
    }
  }
  return methods;
}

/** Classes that say nothing about which node is meant. */
const VAGUE: ReadonlySet<unknown> = new Set([
  Object,
  Array,
  Promise,
  Function,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
]);

/** Adds what `emitDecoratorMetadata` recorded of the method's types, where the options don't say it. */
function withTypes(options: NodeOptions, instance: object, key: string): NodeOptions {
  const params = Reflect.getMetadata("design:paramtypes", instance, key) as Class[] | undefined;
  const returns = Reflect.getMetadata("design:returntype", instance, key) as Class | undefined;
  if (params === undefined && returns === undefined) return options;
  const specific = (type: Class | undefined) => (VAGUE.has(type) ? undefined : type);
  return {
    ...options,
    types: options.types ?? params?.map(specific),
    returns: options.returns ?? specific(returns),
  };
}
