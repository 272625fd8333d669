import { checkName } from "../base/check.js";
import type { TransitionCondition } from "./defined.js";

/** A state by name or handle. */
export type StateTarget<Name extends string = string> = Name | StateHandle<any>;

/** The methods of an fsm that its handles use. */
export interface Transitional {
  addTransition(from: StateTarget, to: StateTarget, condition?: TransitionCondition): unknown;
}

/** A state of an fsm, typed by the value it leaves in the history, and by the workflow `W` in it, if it is one. */
export class StateHandle<V = unknown, Name extends string = string, W = unknown> {
  /** Only for the compiler. */
  declare readonly type: V;
  /** Only for the compiler: the workflow in it; unknown of a state that is none. */
  declare readonly workflow: W;

  constructor(
    private readonly fsm: Transitional,
    /** The name of the state. */
    readonly name: Name,
  ) {}

  /** Adds a transition for plain values, see {@link Fsm.addTransition}. Returns the target's handle, for chaining. */
  to(target: StateTarget, condition?: TransitionCondition): StateHandle {
    this.fsm.addTransition(this, target, condition);
    return new StateHandle(this.fsm, stateName(target));
  }
}

/** The name of a state that need not be defined yet. @throws {TypeError} when it is not a string */
export function stateName(target: StateTarget): string {
  const name: unknown = typeof target === "string" ? target : (target as StateHandle | undefined)?.name;
  checkName("name of a state", name);
  return name;
}
