import { checkName, checkOptions, checkRecord, oneOf, show, type Rules } from "../base/check.js";
import type { Class } from "../base/class-state.js";
import { InvalidNodeError } from "../base/errors.js";
import { processWide } from "../base/process-wide.js";
import { isObject } from "../base/objects.js";
import type { ChildWorkflow, WorkflowKind } from "./defined.js";
import { hasClassOptions } from "./specs/class-options.js";
import { methodsOnPrototype } from "./specs/method-specs.js";
import { isSubworkflow, Subworkflow, type SubworkflowOptions } from "./specs/subworkflow-spec.js";
import type { Collected } from "./typings/typed-functions.js";
import { decoratedMethods } from "./standing-methods.js";

/** The types of the results of a source's nodes, by name. */
type Instance<S> = S extends new (...args: never) => infer T ? T : S;

/** A workflow, a class or an instance of one, or a function that returns one of these. */
export type SubworkflowSource = object;

const RULES: Rules<SubworkflowOptions> = { output: checkName, inputs: checkRecord, each: oneOf(["item", "entry"]) };

/** The value of a node that is a workflow: the result of the named output, if its type is known. */
type ValueOf<S, Output extends string> = string extends Output
  ? any
  : Instance<S> extends infer T
    ? Output extends keyof T
      ? T[Output] extends (...args: any[]) => infer R
        ? Collected<Awaited<R>>
        : T[Output] extends Subworkflow<infer V>
          ? V
          : any
      : any
    : any;

/** The value of a field: a list of what runs for items give. That of entries is not known, as with a method. */
type EachOf<V, E> = E extends "item" ? V[] : E extends "entry" ? any : V;

/**
 * A workflow as a node, for a field of an annotated class or for `dag.node`.
 * @param source - a class, an instance, a dag or an fsm; or a function that returns one, which is called when the outer
 *   workflow is first planned
 * @throws {TypeError} | {RangeError} for unusable options
 */
export function subworkflow<
  S extends SubworkflowSource,
  const Output extends string = string,
  const E extends "item" | "entry" | undefined = undefined,
>(source: S, options: SubworkflowOptions<Output, E> = {}): Subworkflow<EachOf<ValueOf<S, Output>, E>, S> {
  checkOptions(options, RULES, "subworkflow");
  for (const [name, need] of Object.entries(options.inputs ?? {})) checkName(`inputs.${name}`, need);
  if (!isObject(source)) throw notAWorkflow(source, "A subworkflow");
  return new Subworkflow(() => resolveWorkflow(source), options);
}

/** What stands in the place of a function, as a subworkflow; undefined if it is a plain function, or no workflow. */
export function subworkflowIn(value: unknown): Subworkflow | undefined {
  if (isSubworkflow(value)) return value;
  const isSource = typeof value === "function" ? isClass(value) : isChildWorkflow(value) || isInstance(value);
  return isSource ? new Subworkflow(() => resolveWorkflow(value)) : undefined;
}

/** Makes the workflows of classes, by kind. A service may be of another copy of this library than the dags. */
const makers = processWide("makers", () => new Map<WorkflowKind, (source: object) => ChildWorkflow>());

/** Tells how a class becomes a workflow of a kind. */
export function registerMaker(kind: WorkflowKind, from: (source: object) => ChildWorkflow): void {
  makers.set(kind, from);
}

/** The workflows of classes, which are made once. */
const ofClasses = new WeakMap<object, ChildWorkflow>();

/**
 * The workflow that a source stands for.
 * @param place - what the source was given as, for the message
 * @throws {InvalidNodeError} INVALID_NODE when it is none
 */
export function resolveWorkflow(source: unknown, place = "A subworkflow"): ChildWorkflow {
  if (isChildWorkflow(source)) return source;
  if (isSubworkflow(source)) return source.workflow;
  if (typeof source === "function" && !isClass(source)) {
    const found = (source as () => unknown)();
    if (typeof found !== "function" || isClass(found)) return resolveWorkflow(found, place);
    throw notAWorkflow(found, place);
  }
  if (!isObject(source)) throw notAWorkflow(source, place);
  const known = ofClasses.get(source);
  if (known !== undefined) return known;
  const instance = typeof source === "function" ? new (source as unknown as new () => object)() : source;
  const kinds = new Set(decoratedMethods(instance).map(({ spec }) => (spec.kind === "state" ? "fsm" : "dag")));
  if (kinds.size === 2) {
    throw new InvalidNodeError(
      `Class "${instance.constructor.name}" has nodes and states. Make the one that is meant: Dag.from or Fsm.from.`,
    );
  }
  const [kind] = kinds;
  const make = kind === undefined ? undefined : makers.get(kind);
  if (make === undefined) throw notAWorkflow(source, place);
  const workflow = make(source);
  ofClasses.set(source, workflow);
  return workflow;
}

/** Whether a value is a dag or an fsm, of any copy of this library. */
export function isChildWorkflow(value: unknown): value is ChildWorkflow {
  return typeof value === "object" && value !== null && "subworkflows" in value && "planned" in value;
}

/** Whether a value is an instance of an annotated class. */
function isInstance(value: unknown): boolean {
  return isObject(value) && decoratedMethods(value).length > 0;
}

/** Whether a function is a class, or was one before it was compiled. */
export function isClass(value: object): boolean {
  const isWritable = Object.getOwnPropertyDescriptor(value, "prototype")?.writable;
  if (isWritable === false || hasClassOptions(value as Class)) return true;
  const { prototype } = value as { readonly prototype?: object };
  return prototype !== undefined && methodsOnPrototype(prototype).size > 0;
}

function notAWorkflow(value: unknown, place: string): InvalidNodeError {
  return new InvalidNodeError(
    `${place} must be a dag, an fsm, an annotated class, an instance of one, or a function that returns one of these; received ${show(value)}.`,
  );
}
