import { ValidationError } from "../base/errors.js";
import type { NeedSource, Source } from "./specs/need.js";
import type { NodeKind } from "./specs/node-spec.js";

/** The next node of a chain, by name or handle. */
export type Target<Name extends string = string> = Name | NodeHandle<any>;

/** The methods of a dag that its handles use. */
export interface Connectable {
  connect(from: NeedSource, to: Target, options?: { output?: string | undefined; input?: string | undefined }): unknown;
  getNode(name: string): NodeHandle<any>;
  readonly nodes: ReadonlyMap<string, { readonly kind: NodeKind }>;
}

/** One output of a node: a property of its result, or a branch. */
export class OutputHandle<T = unknown> implements NeedSource {
  /** Only for the compiler: the type of the output. */
  declare readonly type: T;

  /** The node and its output, which make the handle usable as a need. */
  readonly source: Source;

  constructor(
    private readonly dag: Connectable,
    node: string,
    output: string,
  ) {
    this.source = { node, output };
  }

  /** Connects this output to the first free parameter of a node, or of each of several. */
  to(...targets: (Target | readonly Target[])[]): NodeHandle<any> {
    return connectAll(this.dag, [this], targets.flat());
  }
}

/**
 * A node of a dag, typed by its result, and by the workflow `W` in it, if it is one. Several nodes that {@link NodeHandle.to} fanned out to act as one.
 */
export class NodeHandle<T = unknown, Name extends string = string, W = unknown> implements NeedSource {
  /** Only for the compiler: the node's result. */
  declare readonly type: T;
  /** Only for the compiler: the workflow in it; unknown of a node that is none. */
  declare readonly workflow: W;

  constructor(
    private readonly dag: Connectable,
    /** The name of the node; of several nodes, that of the first. */
    readonly name: Name,
    private readonly fan: readonly string[] = [name],
  ) {}

  /** The node's entire result, which makes the handle usable as a need. */
  get source(): Source {
    return { node: this.name, output: undefined };
  }

  /** The branch of a condition that is taken when it is true. */
  get onTrue(): OutputHandle<T> {
    return this.conditionBranch("true");
  }

  /** The branch of a condition that is taken when it is false. */
  get onFalse(): OutputHandle<T> {
    return this.conditionBranch("false");
  }

  /** A branch of a select. */
  branch(name: string): OutputHandle<T> {
    this.expectKind("select", `branch("${name}")`);
    return new OutputHandle(this.dag, this.name, name);
  }

  /** A property of the result. */
  output<K extends keyof T & string>(key: K): OutputHandle<T[K]> {
    return new OutputHandle(this.dag, this.name, key);
  }

  /**
   * Connects this node to the first free parameter of a node, or of each of several.
   * @returns the handle of the target, so that chains read from left to right
   * @throws {ValidationError} VALIDATION when a target is unknown or has no free parameter
   */
  to(...targets: (Target | readonly Target[])[]): NodeHandle<any> {
    const sources = this.fan.map((node) => ({ source: { node, output: undefined } }));
    return connectAll(this.dag, sources, targets.flat());
  }

  private conditionBranch(name: "true" | "false"): OutputHandle<T> {
    this.expectKind("condition", name === "true" ? "onTrue" : "onFalse");
    return new OutputHandle(this.dag, this.name, name);
  }

  private expectKind(kind: NodeKind, member: string): void {
    const actual = this.dag.nodes.get(this.name)?.kind;
    if (actual === kind) return;
    throw new ValidationError(`${member} belongs to a ${kind}, but "${this.name}" is a ${actual}.`);
  }
}

function connectAll(dag: Connectable, sources: readonly NeedSource[], targets: readonly Target[]): NodeHandle<any> {
  const names = targets.map((target) => (typeof target === "string" ? target : target.name));
  if (names.length === 0) throw new ValidationError("to(…) needs at least one node to connect to.");
  for (const source of sources) for (const name of names) dag.connect(source, name);
  return names.length === 1 ? dag.getNode(names[0]) : new NodeHandle(dag, names[0], names);
}
