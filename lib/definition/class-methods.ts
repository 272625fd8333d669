import { InvalidNodeError } from "../base/errors.js";
import { show } from "../base/check.js";
import { methodSpec, workflowSpec, type MethodSpec, type WorkflowOptions } from "./decorators.js";
import type { Class, NodeOptions } from "./node-options.js";
import { nodeSpec, type NodeFunction, type NodeSpec } from "./node-spec.js";
import { stateSpec, type StateSpec } from "./state-spec.js";

/** What an annotated class says of its workflow. */
export interface ClassWorkflow<S> {
  readonly name: string;
  readonly options: WorkflowOptions;
  /** In order of declaration, a parent's before its child's. */
  readonly specs: readonly S[];
}

/**
 * Reads the nodes of an annotated class, or of an instance of one.
 *
 * A method's spec is that of the nearest class up the chain that decorated it; its function is always the most derived
 * one. A class is instantiated once, without arguments.
 * @throws {InvalidNodeError} INVALID_NODE when there is no node, or a method can't be one
 */
export function readNodes(source: object): ClassWorkflow<NodeSpec> {
  return readClass(source, "@node", ({ spec, declared }, key, fn, instance) =>
    spec.kind === "state"
      ? undefined
      : nodeSpec(spec.kind, spec.options.name ?? key, fn, withTypes(spec.options, instance, key), instance, declared),
  );
}

/** Reads the states of an annotated class, or of an instance of one, by the rules of {@link readNodes}. */
export function readStates(source: object): ClassWorkflow<StateSpec> {
  return readClass(source, "@state", ({ spec, declared }, key, fn, instance) =>
    spec.kind === "state" ? stateSpec(spec.options.name ?? key, fn, spec.options, instance, declared) : undefined,
  );
}

function readClass<S>(
  source: object,
  decorator: string,
  toSpec: (method: Method, key: string, fn: NodeFunction, instance: object) => S | undefined,
): ClassWorkflow<S> {
  const instance = typeof source === "function" ? new (source as new () => object)() : source;
  if (typeof instance !== "object" || typeof instance?.constructor !== "function") {
    throw new InvalidNodeError(
      `A workflow is made from an annotated class or an instance of it; received ${show(source)}.`,
    );
  }
  const constructor = instance.constructor as Class;
  const { name = constructor.name || "workflow", ...options } = workflowSpec(constructor);
  const specs: S[] = [];
  for (const [key, method] of decoratedMethods(instance)) {
    // An instance may carry a function of its own, such as a bound method or a spy: that one is called.
    const fn = (instance as Record<string, NodeFunction>)[key];
    const spec = toSpec(method, key, fn, instance);
    if (spec !== undefined) specs.push(spec);
  }
  if (specs.length === 0) {
    throw new InvalidNodeError(
      `Class "${constructor.name}" has no method with ${decorator}. Put ${decorator} on at least one.`,
    );
  }
  return { name, options, specs };
}

/** A decorated method: the spec that holds for it, and its most derived declaration. */
interface Method {
  readonly spec: MethodSpec;
  readonly declared: NodeFunction;
}

/** The decorated methods by name, a parent's before its child's. */
function decoratedMethods(instance: object): Map<string, Method> {
  const chain: object[] = [];
  for (let proto = prototypeOf(instance); proto !== null && proto !== Object.prototype; proto = prototypeOf(proto)) {
    chain.unshift(proto);
  }
  const methods = new Map<string, Method>();
  for (const proto of chain) {
    for (const key of Object.getOwnPropertyNames(proto)) {
      const declared: unknown = Object.getOwnPropertyDescriptor(proto, key)?.value;
      if (typeof declared !== "function") continue;
      const spec = methodSpec(declared) ?? methods.get(key)?.spec;
      if (spec !== undefined) methods.set(key, { spec, declared: declared as NodeFunction });
    }
  }
  return methods;
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null;
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
