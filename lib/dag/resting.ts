import type { Children } from "../engine/children.js";
import type { Permits } from "../engine/permits.js";
import type { RunState } from "../run/state.js";
import type { Maps } from "./map/maps.js";

/** The run whose nodes rest. */
export interface RestingRun {
  readonly state: RunState;
  readonly isOver: boolean;
  readonly children: Children;
  /** The maps in progress; undefined before the first one. */
  readonly maps: Maps | undefined;
  /** The number of nodes that started and have not settled. */
  readonly open: number;
  placesOf(node: number): Permits;
  setResting(isResting: boolean): void;
  pump(): void;
}

/** The nodes of a run that only wait, through their runs inside. */
export class Resting {
  /** How many there are. */
  count = 0;
  /** Whether runs inside were put away, so that the run has to follow. */
  isLeaving = false;
  /** Those that let others go first, in sequential mode. */
  private rested: readonly number[] = [];

  constructor(private readonly run: RestingRun) {}

  /** Called when a run inside has come to rest, or continues. */
  update(): void {
    const { run } = this;
    if (run.isOver) return;
    const names = run.children.restingNodes((name) => run.maps?.inFlightOf(this.indexOf(name)));
    this.count = names.length;
    this.letOthersGo(names.map((name) => this.indexOf(name)));
    run.setResting(false);
    // A node may settle before the runs that it began.
    if (this.count > 0 || run.open === 0) run.pump();
  }

  /** Called when runs inside were put away. */
  leave(): void {
    this.isLeaving = true;
  }

  /** Puts the runs inside away. Since a node may report only one of them, notes what all of them wait for. */
  putAway(): void {
    const { children, state } = this.run;
    for (const name of children.nodes) {
      const waitingFor = children.waitingFor(name);
      if (waitingFor !== undefined) state.facts.leaving.set(this.indexOf(name), waitingFor);
    }
    children.putAway();
  }

  /** Nodes that only wait for runs inside, which wait themselves, leave their place in order. */
  private letOthersGo(nodes: readonly number[]): void {
    for (const node of this.rested) if (!nodes.includes(node)) this.run.placesOf(node).keepPlace();
    for (const node of nodes) if (!this.rested.includes(node)) this.run.placesOf(node).leavePlace();
    this.rested = nodes;
  }

  private indexOf(name: string): number {
    return this.run.state.plan.indexOf.get(name) as number;
  }
}
