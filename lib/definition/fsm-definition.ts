import { checkName, show } from "../base/check.js";
import { InvalidNodeError, ValidationError } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import { checkHooks, type NodeHooks } from "./specs/node-options.js";
import { outlineOf } from "./specs/outline.js";
import { checkWorkflowName, type NodeFunction } from "./specs/node-spec.js";
import { lookAgain } from "./standing-methods.js";
import { checkFsmOptions, stateSpec, type FsmOptions, type StateOptions, type StateSpec } from "./specs/state-spec.js";
import type { StateValue } from "./typings/typed-states.js";
import type { AnyFn } from "./typings/typed-wiring.js";

const NO_METADATA = Object.freeze({});

/** Whether a plain value takes a transition; `"default"` takes what no other one of the state does. */
export type TransitionCondition = ((value: any) => boolean) | "default";

/** Where a plain value leads. */
export interface Transition {
  readonly to: string;
  readonly condition: TransitionCondition;
}

/** A state by name or handle. */
export type StateTarget<Name extends string = string> = Name | StateHandle<any>;

/** A state of an fsm, typed by the value it leaves in the history. */
export class StateHandle<V = unknown, Name extends string = string> {
  /** Only for the compiler. */
  declare readonly type: V;

  constructor(
    private readonly fsm: FsmDefinition<any>,
    readonly name: Name,
  ) {}

  /** Adds a transition for plain values, see {@link FsmDefinition.addTransition}; gives the target, so that chains read well. */
  to(target: StateTarget, condition?: TransitionCondition): StateHandle {
    this.fsm.addTransition(this, target, condition);
    return new StateHandle(this.fsm, nameOf(target));
  }
}

/** The call forms of `fsm.state`. */
export interface StateDefiner {
  <F extends AnyFn>(fn: F): StateHandle<StateValue<F>>;
  <F extends AnyFn>(options: StateOptions, fn: F): StateHandle<StateValue<F>>;
  <const N extends string, F extends AnyFn>(name: N, fn: F): StateHandle<StateValue<F>, N>;
  <const N extends string, F extends AnyFn>(name: N, options: StateOptions, fn: F): StateHandle<StateValue<F>, N>;
}

/**
 * What an fsm is made of: states, transitions and hooks, and the methods that add to them.
 *
 * A transition may name a state that is defined later, so that names are checked by the planning. Every change makes
 * {@link FsmDefinition.revision} grow.
 */
export class FsmDefinition<S = Record<string, unknown>> {
  readonly name: string;
  readonly description: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly options: FsmOptions;
  private readonly specs = new Map<string, StateSpec>();
  private readonly table = new Map<string, Transition[]>();
  private readonly terminals = new Set<string>();
  private readonly hooksByState = new Map<string, NodeHooks>();
  private first: string | undefined;
  private shared: NodeHooks | undefined;
  private hasMethods = false;
  private changes = 0;

  /** @throws {InvalidNodeError} | {TypeError} | {RangeError} when the name or an option is not usable */
  constructor(name: string, options: FsmOptions = {}) {
    checkWorkflowName(name);
    checkFsmOptions(options, `workflow "${name}"`);
    this.name = name;
    this.description = options.description;
    this.metadata = options.metadata ?? NO_METADATA;
    this.options = options;
  }

  /** Grows with every change, so that a plan knows whether it is still that of this definition. */
  get revision(): number {
    if (this.hasMethods && lookAgain(this.specs)) this.changes++;
    return this.changes;
  }

  /** All states by name, in order of definition. */
  get states(): ReadonlyMap<string, StateSpec> {
    return this.specs;
  }

  get size(): number {
    return this.specs.size;
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.specs.keys();
  }

  /** What `addTransition` added, by the state it leads from. */
  get transitions(): ReadonlyMap<string, readonly Transition[]> {
    return this.table;
  }

  /** Where a run begins: the state that `setInitialState` named, or the first that is marked `initial`. */
  get initialState(): string | undefined {
    return this.first ?? this.marked("initial").next().value;
  }

  /** Where a run ends: the states that `addTerminalState` named, and those that are marked `terminal`. */
  get terminalStates(): ReadonlySet<string> {
    return new Set([...this.terminals, ...this.marked("terminal")]);
  }

  private *marked(option: "initial" | "terminal"): Generator<string, undefined> {
    for (const { name, options } of this.specs.values()) if (options[option] === true) yield name;
    return undefined;
  }

  /** `Fsm "order" { created, paid }`, for logs and debuggers. */
  toString(): string {
    return outlineOf("Fsm", this.name, this.specs.keys());
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** What `JSON.stringify` writes. */
  toJSON(): object {
    const { name, description, initialState, terminalStates } = this;
    return { name, description, states: [...this], initialState, terminalStates: [...terminalStates] };
  }

  /** The hooks of one state: those of its options, or of {@link FsmDefinition.setNodeHooks}. */
  nodeHooks(name: string): NodeHooks | undefined {
    return this.hooksByState.get(name) ?? this.specs.get(name)?.options.hooks;
  }

  get defaultHooks(): NodeHooks | undefined {
    return this.shared;
  }

  /**
   * Defines a state: `state(fn)`, `state(name, fn)`, `state(options, fn)` or `state(name, options, fn)`.
   * @throws {InvalidNodeError} INVALID_NODE for a name in use, an unusable name or function
   * @throws {TypeError} | {RangeError} for an unusable option
   */
  readonly state: StateDefiner = (...args: unknown[]): StateHandle<any, any> => {
    const fn = args[args.length - 1] as NodeFunction;
    const named = typeof args[0] === "string";
    const options = args.length > (named ? 2 : 1) ? (args[named ? 1 : 0] as StateOptions) : undefined;
    const name = named ? (args[0] as string) : (options?.name ?? fn?.name);
    if (name === "" || name === undefined) {
      throw new InvalidNodeError('A state without a name needs a named function: fsm.state("name", fn).');
    }
    return this.add(stateSpec(name, fn, options));
  };

  /** Adds a state from its spec, as classes do. */
  protected add(spec: StateSpec): StateHandle<any, any> {
    if (this.specs.has(spec.name)) {
      throw new InvalidNodeError(
        `Workflow "${this.name}" already has a state "${spec.name}". Give one of them another name.`,
      );
    }
    this.specs.set(spec.name, spec);
    this.hasMethods ||= spec.method !== undefined;
    this.changes++;
    return new StateHandle(this, spec.name);
  }

  /**
   * Says where a plain value leads. Conditions are asked in order of declaration, `"default"` last.
   * @param condition - a predicate on the value, or `"default"` for all that no predicate takes
   * @defaultValue "default"
   * @throws {ValidationError} VALIDATION for a second default of one state
   */
  addTransition(from: StateTarget, to: StateTarget, condition: TransitionCondition = "default"): this {
    if (condition !== "default" && typeof condition !== "function") {
      throw new TypeError(`A transition's condition must be a function or "default"; received ${show(condition)}.`);
    }
    const source = nameOf(from);
    const list = this.table.get(source) ?? [];
    const other = list.find((transition) => transition.condition === "default");
    if (condition === "default" && other !== undefined) {
      throw new ValidationError(
        `State "${source}" already has a default transition, to "${other.to}". Give one of them a condition.`,
      );
    }
    list.push(Object.freeze({ to: nameOf(to), condition }));
    this.table.set(source, list);
    this.changes++;
    return this;
  }

  /** Says where a run begins, like `initial: true` on the state. A later call replaces an earlier one. */
  setInitialState(target: StateTarget): this {
    this.first = nameOf(target);
    this.changes++;
    return this;
  }

  /** Makes a state end the run, like `terminal: true` on it. */
  addTerminalState(target: StateTarget): this {
    this.terminals.add(nameOf(target));
    this.changes++;
    return this;
  }

  /** Sets the hooks of one state, instead of those of its options. They run after the default hooks and the run's. */
  setNodeHooks<K extends keyof S & string>(target: StateTarget<K>, hooks: NodeHooks<S[K]>): this {
    const name = nameOf(target);
    if (!this.specs.has(name)) {
      const hint = suggestion(name, this.specs.keys()) || " Define it first.";
      throw new ValidationError(`Workflow "${this.name}" has no state "${name}".${hint}`);
    }
    checkHooks(hooks, `the hooks of state "${name}"`);
    this.hooksByState.set(name, hooks);
    this.changes++;
    return this;
  }

  /** Sets the hooks that every state gets, before any other. */
  setDefaultHooks(hooks: NodeHooks): this {
    checkHooks(hooks, "the default hooks");
    this.shared = hooks;
    return this;
  }

  /** Copies states, transitions and hooks of another definition. */
  protected copyFrom(other: FsmDefinition<any>): void {
    for (const spec of other.specs.values()) this.add(spec);
    for (const [name, transitions] of other.table) this.table.set(name, [...transitions]);
    for (const name of other.terminals) this.terminals.add(name);
    for (const [name, hooks] of other.hooksByState) this.hooksByState.set(name, hooks);
    this.first = other.first;
    this.shared = other.shared;
  }
}

function nameOf(target: StateTarget): string {
  const name: unknown = typeof target === "string" ? target : target?.name;
  checkName("name of a state", name);
  return name;
}
