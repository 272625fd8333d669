import { show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import type { Transition, TransitionCondition } from "../definition/defined.js";
import { readArguments } from "../definition/definition.js";
import {
  reconfiguredState,
  stateSpec,
  workflowStateSpec,
  type StateOptions,
  type StateSpec,
} from "../definition/specs/state-spec.js";
import { declaredEventsIn, type DeclaredEvents } from "../definition/specs/event-schemas.js";
import { checkFsmOptions } from "../definition/specs/workflow-options.js";
import type { WorkflowInstance, WorkflowLike } from "../definition/specs/subworkflow-spec.js";
import { subworkflowIn } from "../definition/subworkflow.js";
import { StateHandle, stateName, type StateTarget } from "../definition/state-handle.js";
import type { StateValue } from "../definition/typings/typed-states.js";
import type { AnyFn } from "../definition/typings/typed-functions.js";
import { Workflow, type WorkflowTypes } from "../engine/workflow.js";
import type { FsmResult, StateKey } from "../run/fsm-result.js";
import type { FsmContinueOptions, FsmRecoverOptions, FsmResumeOptions } from "./durable/options.js";
import type { FsmHandle } from "./handle.js";
import type { FsmOptions, FsmRunOptions } from "./options.js";

/** The call forms of `fsm.state`. */
export interface StateDefiner {
  <F extends AnyFn>(fn: F): StateHandle<StateValue<F>>;
  <F extends AnyFn, V = StateValue<F>>(options: StateOptions<readonly string[], string, V>, fn: F): StateHandle<V>;
  <const N extends string, F extends AnyFn>(name: N, fn: F): StateHandle<StateValue<F>, N>;
  <const N extends string, F extends AnyFn, V = StateValue<F>>(
    name: N,
    options: StateOptions<readonly string[], string, V>,
    fn: F,
  ): StateHandle<V, N>;
  <const N extends string, W extends WorkflowLike>(name: N, workflow: W): StateHandle<any, N, W>;
  <const N extends string, W extends WorkflowLike | WorkflowInstance>(
    name: N,
    options: StateOptions,
    workflow: W,
  ): StateHandle<any, N, W>;
}

/** The types that belong to an fsm, see {@link Fsm} for its parameters. */
export interface FsmTypes<S, I extends object, E> extends WorkflowTypes {
  readonly spec: StateSpec;
  readonly options: FsmOptions<I, any>;
  readonly member: StateHandle<any>;
  readonly values: S;
  readonly names: StateKey<S>;
  readonly result: FsmResult<S>;
  readonly handle: FsmHandle<S, E>;
  readonly runOptions: FsmRunOptions<I>;
  readonly resumeOptions: FsmResumeOptions<S, E>;
  readonly continueOptions: FsmContinueOptions;
  readonly recoverOptions: FsmRecoverOptions;
}

/**
 * The part of an fsm that defines it: states, transitions and hooks, and the methods that change them.
 *
 * A transition may name a state that is defined later, so planning checks the names.
 */
export abstract class FsmBuilder<S, I extends object, E> extends Workflow<FsmTypes<S, I, E>> {
  private readonly table = new Map<string, Transition[]>();
  private readonly terminals = new Set<string>();
  private initial: string | undefined;
  /** @internal */
  readonly declaredEvents: DeclaredEvents | undefined;

  /** @throws {InvalidNodeError} | {TypeError} | {RangeError} when the name or an option is not usable */
  constructor(name: string, options: FsmOptions<I, E> = {}) {
    super(name, options);
    this.declaredEvents = declaredEventsIn(options.events);
  }

  protected checkOptions(options: FsmOptions<I, any>): void {
    checkFsmOptions(options, `workflow "${this.name}"`);
  }

  protected get memberWord(): "state" {
    return "state";
  }

  /** All states by name, in order of definition. */
  get states(): ReadonlyMap<string, StateSpec> {
    return this.specs;
  }

  /** The transitions that `addTransition` added, by source state. */
  get transitions(): ReadonlyMap<string, readonly Transition[]> {
    return this.table;
  }

  /** The state in which a run begins: that of `setInitialState`, or else the first that is marked `initial`. */
  get initialState(): string | undefined {
    return this.initial ?? this.marked("initial").next().value;
  }

  /** The states in which a run ends: those of `addTerminalState`, and those that are marked `terminal`. */
  get terminalStates(): ReadonlySet<string> {
    return new Set([...this.terminals, ...this.marked("terminal")]);
  }

  /** What `setInitialState` and `addTerminalState` have set. */
  protected get additions(): { readonly initialState: string | undefined; readonly terminalStates: readonly string[] } {
    return { initialState: this.initial, terminalStates: Array.from(this.terminals) };
  }

  private *marked(option: "initial" | "terminal"): Generator<string, undefined> {
    for (const { name, options } of this.specs.values()) if (options[option] === true) yield name;
    return undefined;
  }

  /** The error state of states without their own `errorState`. */
  get errorState(): string | undefined {
    return this.options.errorState;
  }

  /**
   * Defines a state: `state(fn)`, `state(name, fn)`, `state(options, fn)` or `state(name, options, fn)`.
   * @throws {InvalidNodeError} INVALID_NODE for a name in use, an unusable name or function
   * @throws {TypeError} | {RangeError} for an unusable option
   */
  readonly state: StateDefiner = (...args: unknown[]): StateHandle<any, any> => {
    const { name, options, fn } = readArguments<StateOptions>(args, "fsm.state");
    const subworkflow = subworkflowIn(fn);
    if (subworkflow !== undefined) return this.add(workflowStateSpec(name, subworkflow, options));
    return this.add(stateSpec(name, fn as AnyFn, options));
  };

  /** Adds a state by its spec, for `Fsm.from`. */
  protected add(spec: StateSpec): StateHandle<any, any> {
    this.addSpec(spec);
    return new StateHandle(this, spec.name);
  }

  /**
   * Removes a state, with all transitions to and from it. The options `to` and `errorState` of other states still name
   * it.
   * @throws {ValidationError} VALIDATION when there is no such state
   */
  removeState(target: StateTarget): void {
    const name = this.removeSpec(target);
    this.table.delete(name);
    for (const from of this.table.keys()) this.dropTransitions(from, name);
    this.terminals.delete(name);
    if (this.initial === name) this.initial = undefined;
  }

  /**
   * Puts another function, or a workflow, in the place of a state's, which keeps its transitions, options and hooks:
   * parameters of a function go by position, whatever their names, and inputs of a workflow by their names.
   * @throws {ValidationError} VALIDATION when there is no such state; {InvalidNodeError} for a function with fewer
   *   parameters
   */
  replaceState(target: StateTarget, work: AnyFn | WorkflowLike): this {
    this.replaceWork(target, work);
    return this;
  }

  /** @throws {ValidationError} VALIDATION when there is no such state */
  getState(name: string): StateHandle<any> {
    return new StateHandle(this, this.specOf(name).name);
  }

  /**
   * Adds a transition for plain values. Conditions are evaluated in order of declaration, `"default"` last.
   * @param condition - a predicate on the value, or `"default"` for all values that no predicate accepts
   * @defaultValue "default"
   * @throws {ValidationError} VALIDATION for a second default transition of a state
   */
  addTransition(from: StateTarget, to: StateTarget, condition: TransitionCondition = "default"): this {
    if (condition !== "default" && typeof condition !== "function") {
      throw new TypeError(`A transition's condition must be a function or "default"; received ${show(condition)}.`);
    }
    const source = stateName(from);
    const list = this.table.get(source) ?? [];
    const other = condition === "default" ? list.find((transition) => transition.condition === "default") : undefined;
    if (other !== undefined) {
      throw new ValidationError(
        `State "${source}" already has a default transition, to "${other.to}". Give one of them a condition.`,
      );
    }
    list.push(Object.freeze({ to: stateName(to), condition }));
    this.table.set(source, list);
    this.changed();
    return this;
  }

  /**
   * Removes the transitions that {@link Fsm.addTransition} added from one state to another.
   * @throws {ValidationError} VALIDATION when there are none; `to` is an option of the state, see {@link
   *   Fsm.configureState}
   */
  removeTransition(from: StateTarget, to: StateTarget): this {
    const [source, target] = [stateName(from), stateName(to)];
    if (!this.dropTransitions(source, target)) {
      this.specOf(source);
      this.specOf(target);
      throw new ValidationError(
        `addTransition() added no transition from "${source}" to "${target}". To change the legal next states of "${source}", call configureState("${source}", { to }).`,
      );
    }
    this.changed();
    return this;
  }

  /** Removes transitions. Returns whether there were any. */
  private dropTransitions(from: string, to: string): boolean {
    const transitions = this.table.get(from) ?? [];
    const left = transitions.filter((transition) => transition.to !== to);
    if (left.length > 0) this.table.set(from, left);
    else this.table.delete(from);
    return left.length < transitions.length;
  }

  /**
   * Changes options of a state; those that are not given stay as they are.
   * @throws {InvalidNodeError} | {TypeError} | {RangeError} as when it is defined; {ValidationError} when there is no
   *   such state
   */
  configureState(target: StateTarget, options: Omit<StateOptions, "name">): this {
    const spec = this.specOf(target);
    this.specs.set(spec.name, reconfiguredState(spec, options));
    this.changed();
    return this;
  }

  /** Makes a state initial, as `initial: true` on it does. A later call replaces an earlier one. */
  setInitialState(target: StateTarget): this {
    this.initial = stateName(target);
    this.changed();
    return this;
  }

  /** Makes a state terminal, as `terminal: true` on it does. */
  addTerminalState(target: StateTarget): this {
    this.terminals.add(stateName(target));
    this.changed();
    return this;
  }

  protected override copyFrom(other: FsmBuilder<S, I, E>): void {
    super.copyFrom(other);
    for (const [name, transitions] of other.table) this.table.set(name, [...transitions]);
    for (const name of other.terminals) this.terminals.add(name);
    this.initial = other.initial;
  }
}
