import { checkOptions } from "../base/check.js";
import { InvalidNodeError, ValidationError } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import type { Connection } from "../definition/defined.js";
import { coalesceSpec, whenSpec, type BranchSource, type WhenOptions } from "../definition/specs/choice-spec.js";
import { readArguments } from "../definition/definition.js";
import { NodeHandle, type Target } from "../definition/node-handle.js";
import { workflowNames } from "../definition/origin/name-registry.js";
import { Origin } from "../definition/origin/origin.js";
import { workerScope } from "../definition/origin/worker-scope.js";
import { checkDagOptions } from "../definition/specs/workflow-options.js";
import { minifiedHint } from "../definition/specs/minified-names.js";
import { inputNamed } from "../definition/specs/named-inputs.js";
import { needText, toNeed, type Need, type NeedSource } from "../definition/specs/need.js";
import type { EventOptions } from "../definition/specs/event-spec.js";
import type { MapOptions } from "../definition/specs/map-options.js";
import { withCache, type NodeOptions } from "../definition/specs/node-options.js";
import {
  collects,
  eventSpec,
  isChoice,
  mapSpec,
  nodeSpec,
  reconfigured,
  workflowNodeSpec,
  type NodeFunction,
  type NodeKind,
  type NodeSpec,
} from "../definition/specs/node-spec.js";
import type { Subworkflow, WorkflowLike } from "../definition/specs/subworkflow-spec.js";
import { subworkflowIn } from "../definition/subworkflow.js";
import type {
  AllDefiner,
  AnyDefiner,
  CachedDefiner,
  EventDefiner,
  ForkDefiner,
  MapDefiner,
  NodeDefiner,
} from "../definition/typings/typed-builder.js";
import type { SwitchDefiner } from "../definition/typings/typed-switch.js";
import { cases, casesIn, casesOf, withCaseParams, type CaseTable } from "../definition/switch.js";
import type { CoalesceDefiner, GuardDefiner, WhenDefiner } from "../definition/typings/typed-choices.js";
import type { AnyFn } from "../definition/typings/typed-functions.js";
import { Workflow, type WorkflowTypes } from "../engine/workflow.js";
import type { RunResult } from "../run/result.js";
import type { ContinueOptions, RecoverOptions, ResumeOptions } from "./durable/options.js";
import type { RunHandle } from "./handle.js";
import type { DagOptions, RunOptions } from "./options.js";

const NO_OPTIONS = Object.freeze({});
const NO_CONNECTIONS: readonly Connection[] = Object.freeze([]);

/** The types that belong to a dag, see {@link Dag} for its parameters. */
export interface DagTypes<N, I extends object, G> extends WorkflowTypes {
  readonly spec: NodeSpec;
  readonly options: DagOptions<G, I>;
  readonly member: NodeHandle<any>;
  readonly values: G;
  readonly names: keyof N & string;
  readonly result: RunResult<N>;
  readonly handle: RunHandle<N>;
  readonly runOptions: RunOptions<G, I>;
  readonly resumeOptions: ResumeOptions<G>;
  readonly continueOptions: ContinueOptions;
  readonly recoverOptions: RecoverOptions;
}

/**
 * The part of a dag that defines it: nodes, connections and hooks, and the methods that change them.
 *
 * A need may name a node that is defined later, so planning checks the names.
 */
export abstract class DagBuilder<N, I extends object, G> extends Workflow<DagTypes<N, I, G>> {
  /**
   * Where workers find this definition again.
   * @internal
   */
  readonly origin: Origin;
  private readonly added = new Map<string, Connection[]>();

  /** @throws {InvalidNodeError} | {TypeError} | {RangeError} when the name or an option is not usable */
  constructor(name: string, options: DagOptions<G, I> = NO_OPTIONS) {
    super(name, options);
    this.origin = new Origin(options.module);
    workflowNames.remember(name, this.origin);
    workerScope()?.defined(this, this.origin);
  }

  protected checkOptions(options: DagOptions<G, I>): void {
    if (options !== NO_OPTIONS) checkDagOptions(options, `workflow "${this.name}"`);
  }

  protected get memberWord(): "node" {
    return "node";
  }

  /** All nodes by name, in order of definition. */
  get nodes(): ReadonlyMap<string, NodeSpec> {
    return this.specs;
  }

  /** Whether parameters find their node by name or by class, or only by explicit needs. */
  get wiring(): "name" | "type" | "explicit" {
    return this.options.autowire === false ? "explicit" : (this.options.wiring ?? "name");
  }

  /** The connections that `connect` added to a node, in order. */
  connectionsOf(name: string): readonly Connection[] {
    return this.added.get(name) ?? NO_CONNECTIONS;
  }

  /**
   * Defines a node: `node(fn)`, `node(name, fn)`, `node(options, fn)` or `node(name, options, fn)`. The function may be
   * left out if the node has a `backend` that knows what it does; then `params` names its inputs.
   * @throws {InvalidNodeError} INVALID_NODE for a name in use, an unusable name or function
   * @throws {TypeError} | {RangeError} for an unusable option
   */
  readonly node: NodeDefiner = (...args: unknown[]) => this.define("node", args);
  /** A fork with the branches `true` and `false`. Takes the arguments of {@link Dag.node}. */
  readonly condition: ForkDefiner<"condition"> = (...args: unknown[]) => this.define("condition", args);
  /** A fork with named branches. Takes the arguments of {@link Dag.node}. */
  readonly select: ForkDefiner<"select"> = (...args: unknown[]) => this.define("select", args);
  /** A node whose only parameter, if it has several needs, is a record. Takes the arguments of {@link Dag.node}. */
  readonly all: AllDefiner = (...args: unknown[]) => this.define("all", args);
  /** A node that runs when its first need completes. Takes the arguments of {@link Dag.node}. */
  readonly any: AnyDefiner = (...args: unknown[]) => this.define("any", args);
  /** A node whose results are kept between runs; the options are those of a node and of its cache. */
  readonly cachedNode: CachedDefiner = (...args: unknown[]) => {
    const position = args.findIndex((value) => typeof value === "object");
    const given = position < 0 ? undefined : (args[position] as NodeOptions);
    const options = withCache(given ?? {});
    const others = args.filter((value) => value !== given || value === undefined);
    return this.define("node", typeof others[0] === "string" ? [others[0], options, others[1]] : [options, others[0]]);
  };

  /**
   * Defines a map: `map(name, options, fn)` or `map(name, fn)`. Its first need is a collection: an array, a `Map`, a
   * plain record, or an iterable. The function, or workflow, is called for each item, and the result is a list in order,
   * or a `Map` or record with the same keys. `{ cases: { … } }` in place of the function sends each item,
   * `route(label, value)`, on by its label.
   * @throws {InvalidNodeError} INVALID_NODE, {TypeError} | {RangeError} as {@link Dag.node}
   */
  readonly map: MapDefiner = (...args: unknown[]): NodeHandle<any, any> => {
    const { name, options, fn } = readArguments<MapOptions>(args, "dag.map");
    const table = tableIn(fn, name);
    if (table !== undefined) casesIn(`map "${name}"`, table);
    const work = table === undefined ? (subworkflowIn(fn) ?? fn) : cases(table);
    return this.add(mapSpec(name, work, paramsFor(work, options)));
  };

  /**
   * Defines a node that waits for an event from outside, once its needs have completed: `event(name, options, fn)`. The
   * function takes the payload, and then the needs; without one, the result is the payload. {@link Dag.send} and
   * `handle.send` send events.
   * @throws {InvalidNodeError} INVALID_NODE, {TypeError} | {RangeError} as {@link Dag.node}
   */
  readonly event: EventDefiner = (name: string, ...args: unknown[]): NodeHandle<any, any> => {
    const [options, fn] = typeof args[0] === "function" ? [undefined, args[0]] : args;
    return this.add(eventSpec(name, fn as NodeFunction | undefined, options as EventOptions));
  };

  /**
   * Defines a node that takes one of two results, by a condition: `when(name, { if, then, else })`.
   *
   * Only the branch that is taken runs, with everything that only that branch needs; the rest is skipped, and has this
   * node as `skippedBy`. Without `else`, the node is skipped if the condition is false. A condition that gives no boolean
   * fails the node.
   * @throws {InvalidNodeError} | {TypeError} for a name in use, or an option that is missing or not usable
   */
  readonly when: WhenDefiner = (name: string, options: WhenOptions) => this.add(whenSpec("when", name, options));
  /** A {@link Dag.when} without `else`: `guard(name, { if, then })`. */
  readonly guard: GuardDefiner = (name: string, options: WhenOptions) => this.add(whenSpec("guard", name, options));
  /**
   * Defines a node that takes the first of several results that is there: `coalesce(name, [a, b, c])`.
   *
   * `b`, and what only it needs, starts when `a` gave nothing: undefined, null, or no result because it was skipped or
   * failed. The failure of a candidate, or of what only candidates need, does not fail the run, unless the failing node's
   * own `errorStrategy` is `failFast`. When no candidate gives anything, the node is skipped.
   * @throws {InvalidNodeError} | {TypeError} for a name in use, or candidates that are not usable
   */
  readonly coalesce: CoalesceDefiner = (name: string, candidates: readonly BranchSource[]) =>
    this.add(coalesceSpec(name, candidates));

  /**
   * Defines a node that sends the value of its first need on by its label: `switch(name, { needs, cases })`.
   *
   * That need gives `route(label, value)`, and the case of this label takes the value, the values of further needs, and
   * the context. A label without a case goes to `default`; without one, the node fails. Takes the options of a node.
   * @throws {InvalidNodeError} | {TypeError} for a name in use, cases that are no functions, or an unusable option
   */
  readonly switch: SwitchDefiner = (name: string, { cases: table, ...options }: NodeOptions & { cases: CaseTable }) => {
    casesIn(`switch "${name}"`, table);
    return this.add(nodeSpec("node", name, cases(table), withCaseParams(options)));
  };

  /** Adds a connection to a node, as data does. */
  protected addConnection(to: string, connection: Connection): void {
    this.added.set(to, [...this.connectionsOf(to), connection]);
    this.changed();
  }

  /** Adds a node from its spec, as classes do. */
  protected add(spec: NodeSpec): NodeHandle<any, any> {
    this.addSpec(spec);
    return new NodeHandle(this, spec.name);
  }

  /**
   * Removes a node, with all connections to and from it that `connect` added.
   * @throws {ValidationError} VALIDATION when there is no such node
   */
  removeNode(target: Target): void {
    const name = this.removeSpec(target);
    this.added.delete(name);
    for (const [to, connections] of this.added) {
      this.added.set(
        to,
        connections.filter(({ node }) => node !== name),
      );
    }
  }

  /**
   * Puts another function, or a workflow, in the place of a node's, which keeps its wiring, options and hooks:
   * parameters go by position, whatever their names. Of a workflow, those inputs go by position that needs and
   * connections fill, and all others by their names. On threads, a node with another function runs inline.
   * @throws {ValidationError} VALIDATION when there is no such node; {InvalidNodeError} for a function with fewer
   *   parameters, a workflow in the place of a fork, `all` or `any`, and for a `when` or `coalesce`, which has no
   *   function
   */
  replaceNode(target: Target, work: AnyFn | WorkflowLike): this {
    const { name, subworkflow } = this.specOf(target);
    this.replaceWork(target, work);
    // A function has no `inputs`, which say where they come from.
    if (subworkflow !== undefined) this.connectInputs(name, subworkflow);
    return this;
  }

  private connectInputs(node: string, { workflow, options }: Subworkflow): void {
    if (this.specs.get(node)?.subworkflow !== undefined) return;
    const names = workflow.inputs.map(({ name }) => name);
    for (const [name, source] of Object.entries(options.inputs ?? {})) {
      const connection = { ...toNeed(source, node), input: names.indexOf(name), key: undefined };
      if (connection.input >= 0) this.addConnection(node, Object.freeze(connection));
    }
  }

  /** @throws {ValidationError} VALIDATION when there is no such node */
  getNode(name: string): NodeHandle<any> {
    return new NodeHandle(this, this.specOf(name).name);
  }

  /**
   * Connects a node's result, or one `output` of it, to the parameter `input` of another node.
   * @param options - without `input`: of the parameters that no need or connection fills yet, the one named like the
   *   output, or else like `from`, or else the first
   * @throws {ValidationError} VALIDATION when a node or the parameter does not exist, or no parameter is free
   */
  connect(
    from: string | NeedSource,
    to: Target,
    options: { output?: string | undefined; input?: string | undefined } = {},
  ): this {
    checkOptions(options, { output: "string", input: "string" }, "connect");
    const need = toNeed(from, "connect");
    const source = this.specOf(need.node).name;
    const spec = this.specOf(to);
    const connections = this.added.get(spec.name) ?? [];
    const output = options.output ?? need.output;
    const input = inputFor(spec, connections, { ...need, output }, options.input);
    const key = input < 0 ? options.input : undefined;
    connections.push(Object.freeze({ node: source, output, optional: false, input, key }));
    this.added.set(spec.name, connections);
    this.changed();
    return this;
  }

  /**
   * Removes the connections that {@link Dag.connect} added from one node to another.
   * @throws {ValidationError} VALIDATION when there are none; needs are an option of the node, see {@link
   *   Dag.configureNode}
   */
  disconnect(from: Target, to: Target): this {
    const [source, target] = [this.specOf(from).name, this.specOf(to).name];
    const connections = this.connectionsOf(target);
    const left = connections.filter(({ node }) => node !== source);
    if (left.length === connections.length) {
      throw new ValidationError(
        `connect() added no connection from "${source}" to "${target}". Where "${target}" needs it by itself, call configureNode("${target}", { needs }).`,
      );
    }
    this.added.set(target, left);
    this.changed();
    return this;
  }

  /**
   * Changes options of a node; those that are not given stay as they are.
   * @throws {InvalidNodeError} | {TypeError} | {RangeError} as when it is defined; {ValidationError} when there is no
   *   such node
   */
  configureNode(target: Target, options: Omit<NodeOptions, "name">): this {
    const spec = this.specOf(target);
    this.specs.set(spec.name, reconfigured(spec, options));
    this.changed();
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

  protected override copyFrom(other: DagBuilder<N, I, G>): void {
    super.copyFrom(other);
    for (const [name, connections] of other.added) this.added.set(name, [...connections]);
  }

  private define(kind: NodeKind, args: readonly unknown[]): NodeHandle<any, any> {
    const { name, options, fn } = readArguments<NodeOptions>(args, `dag.${kind}`);
    const subworkflow = kind === "node" ? subworkflowIn(fn) : undefined;
    if (subworkflow !== undefined) return this.add(workflowNodeSpec(name, subworkflow, options));
    return this.add(nodeSpec(kind, name, fn, paramsFor(fn, options)));
  }
}

/** The options of a node, with the parameters of a function that {@link cases} made. */
function paramsFor<O extends NodeOptions>(work: unknown, options: O | undefined): O | undefined {
  return casesOf(work) === undefined ? options : withCaseParams(options ?? ({} as O));
}

/**
 * The cases in the place of a map's function: `{ cases: { … } }`.
 * @throws {InvalidNodeError} INVALID_NODE for options next to the cases
 */
function tableIn(work: unknown, map: string): CaseTable | undefined {
  if (typeof work !== "object" || work === null || !Object.hasOwn(work, "cases")) return undefined;
  const { cases: table, ...others } = work as { readonly cases: CaseTable };
  const [option] = Object.keys(others);
  if (option === undefined) return table;
  throw new InvalidNodeError(
    `Map "${map}" has "${option}" beside its cases. Pass its options before them: dag.map("${map}", { ${option} }, { cases }).`,
  );
}

/** The index of the input a new connection fills, -1 when a collecting input takes it along with others. */
function inputFor(spec: NodeSpec, connections: readonly Connection[], need: Need, name: string | undefined): number {
  const { inputs } = spec.signature;
  const named = name === undefined ? -1 : inputNamed(spec.signature, name);
  if (isChoice(spec.kind)) {
    throw new ValidationError(
      `Nothing can be connected to the ${spec.kind} "${spec.name}": its branches were given when it was defined.`,
    );
  }
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
  const filled = spec.needs.length + (spec.event === undefined ? 0 : 1);
  const isFree = (index: number) => index >= filled && !taken.has(index);
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
