import { InvalidNodeError } from "../base/errors.js";
import { show } from "../base/check.js";
import { workflowSpec, type WorkflowOptions } from "./decorators.js";
import type { MethodSpec } from "./specs/method-specs.js";
import type { Class } from "./specs/node-options.js";
import { nodeSpec, type NodeSpec } from "./specs/node-spec.js";
import { decoratedMethods, standingFunction, type Method } from "./standing-methods.js";
import { stateSpec, type StateSpec } from "./specs/state-spec.js";

/** What an annotated class says of its workflow. */
export interface ClassWorkflow<S> {
  readonly name: string;
  /** The class's own name, when that is where the workflow has its name from; "" when it has none. */
  readonly className: string | undefined;
  readonly options: WorkflowOptions;
  /** In order of declaration, a parent's before its child's. */
  readonly specs: readonly S[];
}

/**
 * Reads the nodes of an annotated class, or of an instance of one.
 *
 * A method's spec is that of the nearest class up the chain that decorated it; its function is what stands in its place
 * now, be it a child's, a spy, or what another decorator made of it. A class is instantiated once, without arguments.
 * @throws {InvalidNodeError} INVALID_NODE when there is no node, or a method can't be one
 */
export function readNodes(source: object): ClassWorkflow<NodeSpec> {
  return readClass(source, "@node", (spec, method) => {
    if (spec.kind === "state") return undefined;
    const { self, key } = method;
    const { options } = spec;
    return nodeSpec(spec.kind, options.name ?? key, standingFunction(self, key), options, method);
  });
}

/** Reads the states of an annotated class, or of an instance of one, by the rules of {@link readNodes}. */
export function readStates(source: object): ClassWorkflow<StateSpec> {
  return readClass(source, "@state", ({ kind, options }, method) =>
    kind === "state"
      ? stateSpec(options.name ?? method.key, standingFunction(method.self, method.key), options, method)
      : undefined,
  );
}

function readClass<S>(
  source: object,
  decorator: string,
  toSpec: (spec: MethodSpec, method: Method) => S | undefined,
): ClassWorkflow<S> {
  const instance = typeof source === "function" ? new (source as new () => object)() : source;
  if (typeof instance !== "object" || typeof instance?.constructor !== "function") {
    throw new InvalidNodeError(
      `A workflow is made from an annotated class or an instance of it; received ${show(source)}.`,
    );
  }
  const constructor = instance.constructor as Class;
  const { name: given, ...options } = workflowSpec(constructor);
  const className = given === undefined ? constructor.name : undefined;
  const specs = decoratedMethods(instance).flatMap(({ spec, ...method }) => toSpec(spec, method) ?? []);
  if (specs.length === 0) {
    throw new InvalidNodeError(
      `Class "${constructor.name}" has no method with ${decorator}. Put ${decorator} on at least one.`,
    );
  }
  return { name: given ?? (className || "workflow"), className, options, specs };
}
