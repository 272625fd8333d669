import { checkName, checkOptions, checkType } from "../base/check.js";
import { InvalidNodeError, ValidationError } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import { checkDagOptions, type DagOptions } from "./specs/dag-options.js";
import { minifiedHint } from "./specs/minified-names.js";
import { inputNamed } from "./specs/named-inputs.js";
import { needText, toNeed, type NeedSource, type Need } from "./specs/need.js";
import { workflowNames } from "./origin/name-registry.js";
import { outlineOf } from "./specs/outline.js";
import { Origin } from "./origin/origin.js";
import { NodeHandle, type Target } from "./node-handle.js";
import { checkHooks, withCache, type NodeHooks, type NodeOptions } from "./specs/node-options.js";
import {
  checkWorkflowName,
  collects,
  nodeSpec,
  reconfigured,
  type NodeFunction,
  type NodeKind,
  type NodeSpec,
} from "./specs/node-spec.js";
import { lookAgain } from "./standing-methods.js";
import { workerScope } from "./origin/worker-scope.js";
import type { AllDefiner, AnyDefiner, CachedDefiner, ForkDefiner, NodeDefiner } from "./typings/typed-builder.js";

/** A need that `connect` added to a node. */
export interface Connection extends Need {
  /** The index of the input it goes to; -1 for one of several that a collecting input takes together. */
  readonly input: number;
  /** The key in an `all`'s record, when one was given. */
  readonly key: string | undefined;
}

const NO_OPTIONS: DagOptions = Object.freeze({});
const NO_METADATA = Object.freeze({});
const NO_CONNECTIONS: readonly Connection[] = Object.freeze([]);

/**
 * What a dag is made of: nodes, connections and hooks, and the methods that add to them.
 *
 * Nodes keep the order of their definition. Nothing is checked across nodes here, since a need may name a node that is
 * defined later; that is the planning's work. Every change makes {@link DagDefinition.revision} grow.
 */
export class DagDefinition<G = Record<string, unknown>> {
  readonly name: string;
  readonly description: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Where workers find this definition again. */
  readonly origin: Origin;
  protected readonly options: DagOptions;
  private readonly specs = new Map<string, NodeSpec>();
  private readonly added = new Map<string, Connection[]>();
  private readonly hooksByNode = new Map<string, NodeHooks>();
  private shared: NodeHooks | undefined;
  private hasMethods = false;
  private changes = 0;

  /** @throws {InvalidNodeError} | {TypeError} when the name or an option is not usable */
  constructor(name: string, options: DagOptions = NO_OPTIONS) {
    checkWorkflowName(name);
    if (options !== NO_OPTIONS) checkDagOptions(options, `workflow "${name}"`);
    this.name = name;
    this.description = options.description;
    this.metadata = options.metadata ?? NO_METADATA;
    this.options = options;
    this.origin = new Origin(options.module);
    workflowNames.remember(name, this.origin);
    workerScope()?.defined(this, this.origin);
  }

  /** Grows with every change, so that a plan knows whether it is still that of this definition. */
  get revision(): number {
    if (this.hasMethods && lookAgain(this.specs)) this.changes++;
    return this.changes;
  }

  /** All nodes by name, in order of definition. */
  get nodes(): ReadonlyMap<string, NodeSpec> {
    return this.specs;
  }

  get size(): number {
    return this.specs.size;
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.specs.keys();
  }

  /** `Dag "etl" { load, parse }`, for logs and debuggers. */
  toString(): string {
    return outlineOf("Dag", this.name, this.specs.keys());
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** Whether parameters find their node by name or by class, or only by explicit needs. */
  get wiring(): "name" | "type" | "explicit" {
    return this.options.autowire === false ? "explicit" : (this.options.wiring ?? "name");
  }

  /** What `connect` added to a node, in order. */
  connectionsOf(name: string): readonly Connection[] {
    return this.added.get(name) ?? NO_CONNECTIONS;
  }

  /** The hooks of one node: those of its options, or of {@link DagDefinition.setNodeHooks}. */
  nodeHooks(name: string): NodeHooks | undefined {
    return this.hooksByNode.get(name) ?? this.specs.get(name)?.options.hooks;
  }

  get defaultHooks(): NodeHooks | undefined {
    return this.shared;
  }

  /**
   * Defines a node: `node(fn)`, `node(name, fn)`, `node(options, fn)` or `node(name, options, fn)`.
   * @throws {InvalidNodeError} INVALID_NODE for a name in use, an unusable name or function
   * @throws {TypeError} | {RangeError} for an unusable option
   */
  readonly node: NodeDefiner = (...args: unknown[]) => this.define("node", args);
  /** A fork with the branches `true` and `false`. Takes the arguments of {@link DagDefinition.node}. */
  readonly condition: ForkDefiner<"condition"> = (...args: unknown[]) => this.define("condition", args);
  /** A fork with named branches. Takes the arguments of {@link DagDefinition.node}. */
  readonly select: ForkDefiner<"select"> = (...args: unknown[]) => this.define("select", args);
  /** A node whose only parameter, if it has several needs, is a record. Takes the arguments of {@link DagDefinition.node}. */
  readonly all: AllDefiner = (...args: unknown[]) => this.define("all", args);
  /** A node that runs when its first need completes. Takes the arguments of {@link DagDefinition.node}. */
  readonly any: AnyDefiner = (...args: unknown[]) => this.define("any", args);
  /** A node whose results are kept between runs; the options are those of a node and of its cache. */
  readonly cachedNode: CachedDefiner = (...args: unknown[]) => {
    const position = args.findIndex((value) => typeof value === "object");
    const given = position < 0 ? undefined : (args[position] as NodeOptions);
    const options = withCache(given ?? {});
    const others = args.filter((value) => value !== given || value === undefined);
    return this.define("node", typeof others[0] === "string" ? [others[0], options, others[1]] : [options, others[0]]);
  };

  /** Adds a node from its spec, as classes do. */
  protected add(spec: NodeSpec): NodeHandle<any, any> {
    if (this.specs.has(spec.name)) {
      throw new InvalidNodeError(
        `Workflow "${this.name}" already has a node "${spec.name}". Give one of them another name, or remove the first.`,
      );
    }
    this.specs.set(spec.name, spec);
    this.hasMethods ||= spec.method !== undefined;
    this.changes++;
    return new NodeHandle(this, spec.name);
  }

  /**
   * Takes a node away, with all that `connect` led to and from it.
   * @throws {ValidationError} VALIDATION when there is no such node
   */
  removeNode(target: Target): void {
    const name = this.existing(target);
    this.specs.delete(name);
    this.added.delete(name);
    this.hooksByNode.delete(name);
    for (const [to, connections] of this.added) {
      this.added.set(
        to,
        connections.filter(({ node }) => node !== name),
      );
    }
    this.changes++;
  }

  /** @throws {ValidationError} VALIDATION when there is no such node */
  getNode(name: string): NodeHandle<any> {
    return new NodeHandle(this, this.existing(name));
  }

  /**
   * Leads a node's result, or one `output` of it, to the parameter `input` of another node.
   * @param options - without `input`: of the parameters that no need or connection fills yet, the one that is named like the output,
   *   or else like `from`, or else the first
   * @throws {ValidationError} VALIDATION when a node or the parameter does not exist, or no parameter is free
   */
  connect(
    from: string | NeedSource,
    to: Target,
    options: { output?: string | undefined; input?: string | undefined } = {},
  ): this {
    checkOptions(options, ["output", "input"], "connect");
    checkType("output", options.output, "string");
    checkType("input", options.input, "string");
    const need = toNeed(from, "connect");
    const source = this.existing(need.node);
    const spec = this.specs.get(this.existing(to)) as NodeSpec;
    const connections = this.added.get(spec.name) ?? [];
    const output = options.output ?? need.output;
    const input = inputFor(spec, connections, { ...need, output }, options.input);
    const key = input < 0 ? options.input : undefined;
    connections.push(Object.freeze({ node: source, output, optional: false, input, key }));
    this.added.set(spec.name, connections);
    this.changes++;
    return this;
  }

  /**
   * Takes away what {@link DagDefinition.connect} led from one node to another.
   * @throws {ValidationError} VALIDATION when it led nothing there: needs are the node's own, see {@link DagDefinition.configureNode}
   */
  disconnect(from: Target, to: Target): this {
    const [source, target] = [this.existing(from), this.existing(to)];
    const connections = this.connectionsOf(target);
    const left = connections.filter(({ node }) => node !== source);
    if (left.length === connections.length) {
      throw new ValidationError(
        `connect() has led nothing from "${source}" to "${target}". Where "${target}" needs it by itself, call configureNode("${target}", { needs }).`,
      );
    }
    this.added.set(target, left);
    this.changes++;
    return this;
  }

  /**
   * Changes options of a node; those that are not given stay as they are.
   * @throws {InvalidNodeError} | {TypeError} | {RangeError} as when it is defined; {ValidationError} when there is no such node
   */
  configureNode(target: Target, options: Omit<NodeOptions, "name">): this {
    const name = this.existing(target);
    this.specs.set(name, reconfigured(this.specs.get(name) as NodeSpec, options));
    this.changes++;
    return this;
  }

  /** Connects each node to the next one; a list in between fans out and in: `chain("a", ["b", "c"], "d")`. */
  chain(...steps: (Target | readonly Target[])[]): this {
    for (let position = 1; position < steps.length; position++) {
      for (const from of [steps[position - 1]].flat()) {
        for (const to of [steps[position]].flat()) this.connect(from, to);
      }
    }
    return this;
  }

  /** Sets the hooks of one node, instead of those of its options. They run after the default hooks and the run's. */
  setNodeHooks<K extends keyof G & string>(target: Target<K>, hooks: NodeHooks<G[K]>): this {
    const name = this.existing(target);
    checkHooks(hooks, `the hooks of node "${name}"`);
    this.hooksByNode.set(name, hooks);
    this.changes++;
    return this;
  }

  /** Sets the hooks that every node gets, before any other. */
  setDefaultHooks(hooks: NodeHooks): this {
    checkHooks(hooks, "the default hooks");
    this.shared = hooks;
    return this;
  }

  /** Copies nodes, connections and hooks of another definition. */
  protected copyFrom(other: DagDefinition<any>): void {
    for (const spec of other.specs.values()) this.add(spec);
    for (const [name, connections] of other.added) this.added.set(name, [...connections]);
    for (const [name, hooks] of other.hooksByNode) this.hooksByNode.set(name, hooks);
    this.shared = other.shared;
  }

  private define(kind: NodeKind, args: readonly unknown[]): NodeHandle<any, any> {
    const fn = args[args.length - 1] as NodeFunction;
    const named = typeof args[0] === "string";
    const options = args.length > (named ? 2 : 1) ? (args[named ? 1 : 0] as NodeOptions) : undefined;
    const name = named ? (args[0] as string) : (options?.name ?? fn?.name);
    if (name === "" || name === undefined) {
      throw new InvalidNodeError(`A ${kind} without a name needs a named function: dag.${kind}("name", fn).`);
    }
    return this.add(nodeSpec(kind, name, fn, options));
  }

  /** The target's name. @throws {ValidationError} VALIDATION when there is no such node */
  protected existing(target: Target): string {
    const name: unknown = typeof target === "string" ? target : (target as NodeHandle<any> | undefined)?.name;
    checkName("name of a node", name);
    if (this.specs.has(name)) return name;
    throw new ValidationError(
      `Workflow "${this.name}" has no node "${name}".${suggestion(name, this.specs.keys()) || " Define it first."}`,
    );
  }
}

/** The index of the input a new connection fills, -1 when a collecting input takes it beside others. */
function inputFor(spec: NodeSpec, connections: readonly Connection[], need: Need, name: string | undefined): number {
  const { inputs } = spec.signature;
  const named = name === undefined ? -1 : inputNamed(spec.signature, name);
  if (collects(spec.kind, spec.signature)) return -1;
  if (named >= 0) return named;
  const names = inputs.map((input) => input.name ?? "(unnamed)");
  if (name !== undefined) {
    throw new ValidationError(
      `Node "${spec.name}" has no parameter "${name}".${suggestion(name, names) || ` It has: ${names.join(", ") || "none"}.`}` +
        minifiedHint(names),
    );
  }
  const taken = new Set(connections.map(({ input }) => input));
  const isFree = (index: number) => index >= spec.needs.length && !taken.has(index);
  for (const wanted of [need.output, need.node]) {
    const namesake = wanted === undefined ? -1 : inputNamed(spec.signature, wanted);
    if (namesake >= 0 && isFree(namesake)) return namesake;
  }
  const free = inputs.findIndex((_, index) => isFree(index));
  if (free >= 0) return free;
  throw new ValidationError(
    `"${needText(need)}" can't be connected to "${spec.name}": it has no free parameter` +
      ` (${names.length === 0 ? "it takes none" : `${names.join(", ")} ${names.length === 1 ? "is" : "are"} taken`}).` +
      ` Add a parameter, or use "after" to order without passing data.`,
  );
}
