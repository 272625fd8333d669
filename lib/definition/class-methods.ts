import { InvalidNodeError } from "../base/errors.js";
import { show } from "../base/check.js";
import { classOptions } from "./specs/class-options.js";
import type { MethodSpec } from "./specs/method-specs.js";
import type { Class } from "../base/class-state.js";
import { isOwnBackend } from "./specs/backend.js";
import type { NodeOptions } from "./specs/node-options.js";
import {
  eventSpec,
  mapSpec,
  nodeSpec,
  workflowNodeSpec,
  type Method,
  type NodeKind,
  type NodeSpec,
} from "./specs/node-spec.js";
import { decoratedMethods, currentFunction } from "./standing-methods.js";
import { stateSpec, workflowStateSpec, type StateSpec } from "./specs/state-spec.js";
import type { Subworkflow } from "./specs/subworkflow-spec.js";
import { subworkflowIn } from "./subworkflow.js";
import { casesOf, withCaseParams } from "./switch.js";
import type { WorkflowOptions } from "./specs/workflow-options.js";

/** The workflow that an annotated class defines. */
export interface ClassWorkflow<S> {
  readonly name: string;
  /** The name of the class if the workflow takes its name from it, "" for an anonymous class; otherwise undefined. */
  readonly className: string | undefined;
  readonly options: WorkflowOptions;
  readonly instance: object;
  /** In order of declaration, with inherited ones first. */
  readonly specs: readonly S[];
}

/**
 * Reads the nodes of an annotated class, or of an instance of one.
 *
 * A method has the spec of the nearest class in the prototype chain that decorates it. Its function is the method's
 * current one, which may come from a subclass, a spy or another decorator. A class is instantiated once, without
 * arguments.
 * @throws {InvalidNodeError} INVALID_NODE when no method is a node, or one is invalid
 */
export function readNodes(source: object): ClassWorkflow<NodeSpec> {
  return readClass(source, "@node", (spec, method) => {
    if (spec.kind === "state") return undefined;
    const { self, key } = method;
    const { options } = spec;
    if (isLeftOut(method, options)) return withoutFunction(spec.kind, options.name ?? key, options);
    const subworkflow = workflowIn(method);
    if (spec.kind === "map") {
      const work = subworkflow ?? currentFunction(self, key);
      return mapSpec(
        options.name ?? key,
        work,
        casesOf(work) === undefined ? options : withCaseParams(options),
        method,
      );
    }
    if (subworkflow !== undefined) return workflowNodeSpec(options.name ?? key, subworkflow, options);
    if (spec.kind === "event") return eventSpec(options.name ?? key, currentFunction(self, key), options, method);
    return nodeSpec(spec.kind, options.name ?? key, currentFunction(self, key), options, method);
  });
}

/** Reads the states of an annotated class, or of an instance of one, as {@link readNodes} does. */
export function readStates(source: object): ClassWorkflow<StateSpec> {
  return readClass(source, "@state", ({ kind, options }, method) => {
    if (kind !== "state") return undefined;
    const { self, key } = method;
    const subworkflow = workflowIn(method);
    if (subworkflow !== undefined) return workflowStateSpec(options.name ?? key, subworkflow, options);
    return stateSpec(options.name ?? key, currentFunction(self, key), options, method);
  });
}

/** Whether a method is a field without a value, since the backend of its node knows what it does. */
function isLeftOut({ self, key, declared }: Method, { backend }: NodeOptions): boolean {
  return declared === undefined && isOwnBackend(backend) && (self as Record<string, unknown>)[key] === undefined;
}

function withoutFunction(kind: NodeKind, name: string, options: NodeOptions): NodeSpec {
  return kind === "map" ? mapSpec(name, undefined, options) : nodeSpec(kind, name, undefined, options);
}

/** The workflow that a field holds; undefined for a method. @throws {InvalidNodeError} INVALID_NODE for another value */
function workflowIn({ self, key, declared }: Method): Subworkflow | undefined {
  const value = (self as Record<string, unknown>)[key];
  const subworkflow = subworkflowIn(value);
  if (subworkflow !== undefined || declared !== undefined || casesOf(value) !== undefined) return subworkflow;
  throw new InvalidNodeError(
    `"${key}" of class "${self.constructor.name}" is a decorated field, so it must hold a workflow, or the cases of a map: ` +
      `${key} = subworkflow(…); received ${show(value)}.`,
  );
}

function readClass<S>(
  source: object,
  decorator: string,
  toSpec: (spec: MethodSpec, method: Method) => S | undefined,
): ClassWorkflow<S> {
  // Arrow functions and methods have no prototype, and can't be constructed.
  const isClass = typeof source === "function" && "prototype" in source;
  const instance = isClass ? new (source as unknown as new () => object)() : source;
  if (typeof instance !== "object" || typeof instance?.constructor !== "function") {
    throw new InvalidNodeError(
      `A workflow is made from an annotated class or an instance of it; received ${show(source)}.`,
    );
  }
  const constructor = instance.constructor as Class;
  const { name: given, ...options } = classOptions(constructor);
  const className = given === undefined ? constructor.name : undefined;
  const specs = decoratedMethods(instance).flatMap(({ spec, ...method }) => toSpec(spec, method) ?? []);
  if (specs.length === 0) {
    throw new InvalidNodeError(
      `Class "${constructor.name}" has no method with ${decorator}. Put ${decorator} on at least one.`,
    );
  }
  return { name: given ?? (className || "workflow"), className, options, instance, specs };
}
