import type { Choice, Choices, DagPlan } from "../../planning/plan.js";
import type { RunState } from "../../run/state.js";
import { isMet } from "../branching.js";
import { branchOfWhen, givesValue, Taken } from "../choice-rules.js";

/**
 * The gates of a live dag's choices. A gate is decided again when the results that it depends on are up to date, and a
 * choice when all its needs are.
 */
export class Gates {
  private readonly choices: Choices;
  /** By gate, the number of its branch. */
  private readonly branchOf: Int32Array;
  /** 1 for an open gate. */
  private readonly open: Uint8Array;

  constructor(
    private readonly plan: DagPlan,
    private readonly state: RunState,
  ) {
    this.choices = plan.choices as Choices;
    const { of, ownerOf } = this.choices;
    this.open = new Uint8Array(ownerOf.length);
    this.branchOf = new Int32Array(ownerOf.length);
    for (const { gates } of of.values())
      gates.forEach((gate, branch) => {
        if (gate >= 0) this.branchOf[gate] = branch;
      });
  }

  /** Whether a node is not behind a gate, or behind an open one. */
  admits(node: number): boolean {
    const gate = this.choices.gateOf[node];
    return gate < 0 || this.open[gate] === 1;
  }

  /** Opens or closes a gate. Returns whether that changed it. */
  decide(gate: number): boolean {
    const owner = this.choices.ownerOf[gate];
    const isOpen =
      this.admits(owner) && this.leadsTo(this.choices.of.get(owner) as Choice, this.branchOf[gate]) ? 1 : 0;
    const isChanged = this.open[gate] !== isOpen;
    this.open[gate] = isOpen;
    return isChanged;
  }

  /** Whether a choice that may run reaches a branch. */
  private leadsTo(choice: Choice, branch: number): boolean {
    const { plan, state } = this;
    if (choice.condition !== undefined) return branchOfWhen(plan, state, choice) === branch;
    const isReached = branch === 1 || this.open[choice.gates[branch - 1]] === 1;
    return isReached && !givesValue(plan, state, choice.needs[branch - 1]);
  }

  /**
   * The branch that a node with up-to-date needs takes, or {@link Taken.none} if it is to be skipped; undefined if it
   * is not a choice.
   */
  taken(node: number): number | undefined {
    const choice = this.choices.of.get(node);
    if (choice === undefined) return undefined;
    const { plan, state } = this;
    if (choice.condition === undefined) return choice.needs.findIndex((need) => givesValue(plan, state, need));
    const branch = branchOfWhen(plan, state, choice);
    return branch >= 0 && !isMet(state, choice.needs[branch]) ? Taken.none : branch;
  }
}
