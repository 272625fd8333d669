import type { StreamGroup } from "../../engine/channel.js";
import type { Permits } from "../../engine/permits.js";
import type { Holder } from "../../policies/holder.js";
import type { Scheduler } from "../../policies/scheduler.js";
import type { RunState } from "../../run/state.js";
import { GroupPermits } from "./group-permits.js";
import { GroupTurn } from "./group-turn.js";

/** The run whose nodes are in groups. */
interface GroupedRun {
  readonly state: RunState;
  readonly scheduler: Scheduler | undefined;
  readonly caller: Holder | undefined;
  permitsOf(node: number): Permits;
}

/** A group of a run. */
export interface Group extends StreamGroup {
  readonly permits: GroupPermits;
  readonly turn: GroupTurn | undefined;
}

/** The groups of a run: the nodes of each share a permit, and a slot of the scheduler. */
export class Groups {
  private readonly groups = new Map<number, Group>();

  constructor(
    private readonly run: GroupedRun,
    /** By node, one that stands for its group. */
    private readonly of: ReadonlyMap<number, number>,
  ) {}

  /** The group of a node, which may be its only one. */
  groupOf(node: number): Group {
    const key = this.of.get(node) ?? node;
    let group = this.groups.get(key);
    if (group === undefined) {
      group = { permits: new GroupPermits(this.run.permitsOf(key), key), turn: this.newTurn(key) };
      this.groups.set(key, group);
    }
    return group;
  }

  private newTurn(node: number): GroupTurn | undefined {
    const { scheduler, caller, state } = this.run;
    if (scheduler === undefined) return undefined;
    const describe = () => `the stream of node "${state.plan.specs[node].name}" of run "${state.runId}"`;
    return new GroupTurn(scheduler, describe, caller);
  }
}
