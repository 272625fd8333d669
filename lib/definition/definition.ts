import { checkName } from "../base/check.js";
import { InvalidNodeError, ValidationError } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import { isPlainRecord } from "../base/objects.js";
import { isOwnBackend } from "./specs/backend.js";
import { declaredIn, type DeclaredInputs, type InputSchemas } from "./specs/input-schemas.js";
import { followContexts } from "./current-context.js";
import { checkHooks, type NodeHooks } from "./specs/node-options.js";
import { checkWorkflowName, type NodeFunction, type NodeSpec } from "./specs/node-spec.js";
import { outlineOf } from "./specs/outline.js";
import type { ChildWorkflow, MemberWord, Planned, WorkflowInput, WorkflowKind } from "./defined.js";
import type { Subworkflow } from "./specs/subworkflow-spec.js";
import { withFunction, withWorkflow } from "./specs/replaced-function.js";
import { lookAgain } from "./standing-methods.js";
import { subworkflowIn } from "./subworkflow.js";

/** The types that belong to one kind of workflow's definition. */
export interface DefinitionTypes {
  readonly spec: NodeSpec;
  readonly options: {
    readonly description?: string | undefined;
    readonly metadata?: Readonly<Record<string, unknown>> | undefined;
    readonly inputs?: InputSchemas | undefined;
  };
  /** The members' handles. */
  readonly member: { readonly name: string };
  /** The members' results by name. */
  readonly values: unknown;
}

const NO_METADATA = Object.freeze({});

/**
 * The base class of workflows: members (the nodes of a dag, the states of an fsm), each with a spec, and hooks.
 *
 * Members keep the order of their definition. Nothing is checked across members here; planning does that. Every change
 * increases `revision`.
 */
export abstract class Definition<T extends DefinitionTypes> implements ChildWorkflow {
  /** The name, which recorded runs, events and messages carry. */
  readonly name: string;
  /** The option `description`. */
  readonly description: string | undefined;
  /** The option `metadata`; empty without it. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The workflows inside, by node or state. */
  readonly subworkflows: ReadonlyMap<string, Subworkflow> = new Map<string, Subworkflow>();
  /**
   * The inputs with a schema; undefined if there are none.
   * @internal
   */
  readonly declaredInputs: DeclaredInputs | undefined;
  protected readonly specs = new Map<string, T["spec"]>();
  private readonly hooksByName = new Map<string, NodeHooks>();
  private sharedHooks: NodeHooks | undefined;
  private hasMethods = false;
  private changes = 0;

  /** @throws {InvalidNodeError} | {TypeError} | {RangeError} when the name or an option is not usable */
  constructor(
    name: string,
    /** The options it was defined with. */
    readonly options: T["options"],
  ) {
    checkWorkflowName(name);
    this.name = name;
    this.checkOptions(options);
    this.description = options.description;
    this.metadata = options.metadata ?? NO_METADATA;
    this.declaredInputs = declaredIn(options.inputs);
  }

  /** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
  protected abstract checkOptions(options: T["options"]): void;

  /** The word for a member in messages. */
  protected abstract get memberWord(): MemberWord;

  /**
   * Increases with every change, so that a plan can tell whether it is current. Workflows inside have their own.
   * @internal
   */
  get revision(): number {
    if (this.hasMethods && lookAgain(this.specs)) this.changed();
    return this.changes;
  }

  abstract readonly kind: WorkflowKind;
  abstract readonly inputs: readonly WorkflowInput[];
  /** @internal */
  abstract readonly planned: Planned;

  /** The number of nodes or states. */
  get size(): number {
    return this.specs.size;
  }

  /** The nodes or states, by name. @internal */
  get members(): ReadonlyMap<string, T["spec"]> {
    return this.specs;
  }

  /** The members' names, in order of definition. */
  [Symbol.iterator](): IterableIterator<string> {
    return this.specs.keys();
  }

  /** `Dag "etl" { load, parse }`, for logs and debuggers. */
  toString(): string {
    const kind = this.memberWord === "node" ? "Dag" : "Fsm";
    return outlineOf(`${kind} ${JSON.stringify(this.name)}`, this.specs.keys());
  }

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** The hooks of one node or state: those set by `setNodeHooks`, or those of its options. */
  nodeHooks(name: string): NodeHooks | undefined {
    return this.hooksByName.get(name) ?? this.specs.get(name)?.options.hooks;
  }

  /** The hooks of every node or state. */
  get defaultHooks(): NodeHooks | undefined {
    return this.sharedHooks;
  }

  /**
   * Sets the hooks of one node or state, replacing those of its options. They run after the default hooks and the run's.
   * @throws {ValidationError} VALIDATION when it does not exist
   */
  setNodeHooks<K extends keyof T["values"] & string>(target: K | T["member"], hooks: NodeHooks<T["values"][K]>): this {
    const { name } = this.specOf(target);
    checkHooks(hooks, `the hooks of ${this.memberWord} "${name}"`);
    this.hooksByName.set(name, hooks);
    this.changed();
    return this;
  }

  /** Sets the hooks of every node or state, which run before all others. */
  setDefaultHooks(hooks: NodeHooks): this {
    checkHooks(hooks, "the default hooks");
    this.sharedHooks = hooks;
    return this;
  }

  /** @throws {InvalidNodeError} INVALID_NODE when the name is in use */
  protected addSpec(spec: T["spec"]): void {
    if (this.specs.has(spec.name)) {
      throw new InvalidNodeError(
        `Workflow "${this.name}" already has a ${this.memberWord} "${spec.name}". Give one of them another name, or remove the first.`,
      );
    }
    this.specs.set(spec.name, spec);
    if (spec.subworkflow !== undefined) this.keepSubworkflow(spec);
    if (spec.signature.asks) followContexts();
    this.hasMethods ||= spec.method !== undefined;
    this.changed();
  }

  /** Puts another function, or a workflow, in the place of a member's. */
  protected replaceWork(target: string | T["member"], work: unknown): void {
    const spec = this.specOf(target);
    const word = this.memberWord === "node" ? "Node" : "State";
    const subworkflow = subworkflowIn(work);
    const replaced: T["spec"] =
      subworkflow === undefined
        ? withFunction(spec, work as NodeFunction, word)
        : withWorkflow(spec, subworkflow, word);
    if (replaced.signature.asks) followContexts();
    this.specs.set(spec.name, replaced);
    this.keepSubworkflow(replaced);
    this.changed();
  }

  private keepSubworkflow({ name, subworkflow }: T["spec"]): void {
    const all = this.subworkflows as Map<string, Subworkflow>;
    if (subworkflow === undefined) all.delete(name);
    else all.set(name, subworkflow);
  }

  /** Removes a member with its hooks. @throws {ValidationError} VALIDATION when it does not exist */
  protected removeSpec(target: string | T["member"]): string {
    const { name } = this.specOf(target);
    this.specs.delete(name);
    (this.subworkflows as Map<string, Subworkflow>).delete(name);
    this.hooksByName.delete(name);
    this.changed();
    return name;
  }

  /** @throws {ValidationError} VALIDATION when there is no such member, suggesting the nearest name */
  protected specOf(target: string | T["member"]): T["spec"] {
    const name: unknown = typeof target === "string" ? target : (target as T["member"] | undefined)?.name;
    checkName(`name of a ${this.memberWord}`, name);
    const spec = this.specs.get(name);
    if (spec !== undefined) return spec;
    throw unknownMember(this.memberWord, this.name, name, this.specs.keys());
  }

  protected copyFrom(other: Definition<T>): void {
    for (const spec of other.specs.values()) this.addSpec(spec);
    for (const [name, hooks] of other.hooksByName) this.hooksByName.set(name, hooks);
    this.sharedHooks = other.sharedHooks;
  }

  protected changed(): void {
    this.changes++;
  }
}

/** The error for a node or state that does not exist, suggesting the nearest name. */
export function unknownMember(
  word: MemberWord,
  workflow: string,
  name: string,
  known: Iterable<string>,
): ValidationError {
  const hint = suggestion(name, known) || " Define it first, or correct the name.";
  return new ValidationError(`Workflow "${workflow}" has no ${word} "${name}".${hint}`);
}

/**
 * The arguments of `node(fn)`, `node(name, fn)`, `node(options, fn)` and `node(name, options, fn)`, or without a function,
 * `node(options)` and `node(name, options)`.
 */
export interface MemberArguments<O> {
  readonly name: string;
  readonly options: O | undefined;
  /** Undefined if there is none, since the node has a backend that knows what it does. */
  readonly fn: NodeSpec["fn"] | undefined;
}

/**
 * Reads the call forms that define a node or a state.
 * @param method - the method that was called, such as `dag.node`
 * @throws {InvalidNodeError} INVALID_NODE when neither the call nor the function has a name
 */
export function readArguments<O extends { readonly name?: string | undefined }>(
  args: readonly unknown[],
  method: string,
): MemberArguments<O> {
  const isNamed = typeof args[0] === "string";
  const given = args[isNamed ? 1 : 0];
  const hasNoFunction =
    args.length === (isNamed ? 2 : 1) && isPlainRecord(given) && isOwnBackend(given.backend as never);
  const fn = hasNoFunction ? undefined : (args[args.length - 1] as NodeSpec["fn"] | undefined);
  const options = hasNoFunction || args.length > (isNamed ? 2 : 1) ? (given as O) : undefined;
  const name = isNamed ? (args[0] as string) : (options?.name ?? fn?.name);
  if (name !== "" && name !== undefined) return { name, options, fn };
  const kind = method.slice(method.indexOf(".") + 1);
  throw new InvalidNodeError(`A ${kind} without a name needs a named function: ${method}("name", fn).`);
}
