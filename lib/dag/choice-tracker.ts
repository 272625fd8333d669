import type { Choice, ChoiceCondition, Choices, DagPlan } from "../planning/plan.js";
import type { RunState } from "../run/state.js";
import { Status } from "../run/status.js";
import { isMet } from "./branching.js";
import { branchOfWhen, givesValue, Taken } from "./choice-rules.js";

const Gate = { undecided: 0, open: 1, closed: 2 } as const;

/** The readiness of nodes, which choices change. */
export interface Doors {
  /** A pending node waits for one thing less. */
  admit(node: number): void;
  /** Skips a node, if it is pending. @param cause - see `skippedBy` */
  dismiss(node: number, cause: string): void;
}

/**
 * The choices of one run: whens and coalesces.
 *
 * Each is advanced whenever one of its needs settles. A `when` decides when its condition has settled, a `coalesce` goes
 * on to its next branch when the one before gave nothing. Deciding opens and closes gates, and so admits or dismisses the
 * nodes that only those branches need. A choice behind a gate decides nothing until that opens, and closes its gates when
 * it settles otherwise.
 *
 * A partial run may compute nodes of a branch without the choice, which then holds none of them back.
 *
 * Cost: O(edges + nodes) over a whole run, without recursion.
 */
export class ChoiceTracker {
  private readonly choices: Choices;
  private readonly gates: Uint8Array;
  /** The branches that choices take, or {@link Taken}. */
  private readonly taken = new Map<number, number>();
  /** The branches that coalesces have reached; absent for the first. */
  private readonly reached = new Map<number, number>();
  /** For choices that wait for all their needs: how many needs have yet to settle. */
  private readonly unsettled: Map<number, number> | undefined;
  /** Decided gates whose nodes have not been notified yet. */
  private readonly decided: number[] = [];

  /** @param pending - the number of things that each node waits for; a choice waits for its decision instead of its needs */
  constructor(
    private readonly plan: DagPlan,
    private readonly state: RunState,
    private readonly doors: Doors,
    pending: { [index: number]: number },
    { waitsForAll }: { readonly waitsForAll: boolean },
  ) {
    this.choices = plan.choices as Choices;
    this.gates = new Uint8Array(this.choices.ownerOf.length);
    this.unsettled = waitsForAll ? new Map() : undefined;
    this.choices.gateOf.forEach((_, node) => {
      if (this.isHeld(node)) pending[node]++;
    });
    for (const [node, choice] of this.choices.of) {
      const edges = choice.needs.length + (choice.condition === undefined ? 0 : 1);
      pending[node] += 1 - edges;
      this.unsettled?.set(node, edges);
    }
  }

  has(node: number): boolean {
    return this.choices.of.has(node);
  }

  /** Called when a need of a choice has settled. */
  needSettled(node: number): void {
    const left = this.unsettled?.get(node) ?? 0;
    if (left > 0) this.unsettled?.set(node, left - 1);
    this.advance(node);
  }

  /** Called when a choice has settled: the branches that it has not decided on are not taken. */
  settled(node: number): void {
    const cause = this.state.skippedBy(node);
    for (const gate of (this.choices.of.get(node) as Choice).gates) this.decide(gate, Gate.closed);
    this.announce(cause);
  }

  /** Lets choices take their branch before all their needs have settled. Returns whether any could. */
  takeCompleted(): boolean {
    let hasTaken = false;
    for (const [node, left] of this.unsettled ?? []) {
      if (left === 0 || !this.taken.has(node) || this.state.status[node] !== Status.pending) continue;
      this.unsettled?.set(node, 0);
      this.advance(node);
      hasTaken ||= (this.state.status[node] as number) !== Status.pending;
    }
    return hasTaken;
  }

  /**
   * Notifies the nodes of the gates that were decided. @param cause - why the closed ones are; by default, their choice
   */
  announce(cause?: string): void {
    const { order, start } = this.choices.members;
    for (let gate = this.decided.pop(); gate !== undefined; gate = this.decided.pop()) {
      const owner = this.choices.ownerOf[gate];
      for (let k = start[gate]; k < start[gate + 1]; k++) {
        const node = order[k];
        if (!this.isHeld(node)) continue;
        if (this.gates[gate] === Gate.closed) this.doors.dismiss(node, cause ?? this.plan.specs[owner].name);
        else {
          if (this.has(node)) this.advance(node);
          this.doors.admit(node);
        }
      }
    }
  }

  /** Whether a node waits for its gate. */
  private isHeld(node: number): boolean {
    const gate = this.choices.gateOf[node];
    return gate >= 0 && this.state.active?.[this.choices.ownerOf[gate]] !== 0;
  }

  private advance(node: number): void {
    const gate = this.choices.gateOf[node];
    if (this.isHeld(node) && this.gates[gate] !== Gate.open) return;
    const choice = this.choices.of.get(node) as Choice;
    const taken = this.taken.get(node) ?? this.choose(node, choice);
    if (taken === undefined || this.state.status[node] !== Status.pending) return;
    this.conclude(node, choice, taken);
  }

  /** Decides as far as possible. Returns the branch, once it is known. */
  private choose(node: number, choice: Choice): number | undefined {
    const taken = choice.condition === undefined ? this.coalesce(node, choice) : this.when(choice);
    if (taken === undefined) return undefined;
    this.taken.set(node, taken);
    choice.gates.forEach((gate, branch) => this.decide(gate, branch === taken ? Gate.open : Gate.closed));
    return taken;
  }

  private when(choice: Choice): number | undefined {
    const { source } = choice.condition as ChoiceCondition;
    return this.isSettled(source) ? branchOfWhen(this.plan, this.state, choice) : undefined;
  }

  private coalesce(node: number, { needs, gates }: Choice): number | undefined {
    for (let branch = this.reached.get(node) ?? 0; branch < needs.length; branch++) {
      this.reached.set(node, branch);
      this.decide(gates[branch], Gate.open);
      const need = needs[branch];
      if (!this.isSettled(need.source)) return undefined;
      if (givesValue(this.plan, this.state, need)) return branch;
    }
    return Taken.none;
  }

  /** Makes a choice ready when the branch that it takes has settled, or skips it. */
  private conclude(node: number, { condition, needs }: Choice, taken: number): void {
    const last = needs[needs.length - 1];
    if (taken === Taken.none) return this.doors.dismiss(node, (condition ?? last).text);
    if (taken !== Taken.fault) {
      const need = needs[taken];
      if (!this.isSettled(need.source)) return;
      if (!isMet(this.state, need)) return this.doors.dismiss(node, need.text);
    }
    const { winners } = this.state.facts;
    if (winners.has(node) || (this.unsettled?.get(node) ?? 0) > 0) return;
    winners.set(node, taken);
    this.doors.admit(node);
  }

  private decide(gate: number, decision: number): void {
    if (gate < 0 || this.gates[gate] !== Gate.undecided) return;
    this.gates[gate] = decision;
    this.decided.push(gate);
  }

  private isSettled(source: number): boolean {
    const status = this.state.status[source];
    return status >= Status.completed && status !== Status.paused;
  }
}
