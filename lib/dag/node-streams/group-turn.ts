import type { Holder, ResourceAcquire, SlotSource } from "../../policies/holder.js";
import type { Scheduler } from "../../policies/scheduler.js";
import { isStuck } from "../../policies/deadlock.js";
import { GroupHolder } from "./group-holder.js";

/**
 * The slot of a scheduler that the nodes of a group share while any of them does more than wait. It is that of the group
 * as the caller of its nodes, so they lend it to the runs that they begin.
 */
export class GroupTurn implements SlotSource {
  readonly group: GroupHolder;
  /** The last wait for the slot. */
  private pending: ResourceAcquire | undefined = undefined;

  /**
   * @param describe - names the group in messages
   * @param caller - the node that began its run
   */
  constructor(
    private readonly scheduler: Scheduler,
    describe: () => string,
    caller: Holder | undefined,
  ) {
    this.group = new GroupHolder(describe, caller);
  }

  acquire(priority: number, holder: Holder): ResourceAcquire | undefined {
    const { group } = this;
    if (group.size === 0) this.pending = this.scheduler.acquire(priority, group);
    group.join(holder);
    if (!group.isWaiting) return undefined;
    return { ...(this.pending as ResourceAcquire), cancel: () => this.release(holder) };
  }

  release(holder: Holder): void {
    const { group } = this;
    group.leave(holder);
    if (group.size > 0) {
      // The rest of the group may only wait, for work of others that has no slot.
      if (isStuck(this.scheduler)) this.scheduler.letGo();
      return;
    }
    if (group.isWaiting) this.pending?.cancel();
    else this.scheduler.release(group);
  }
}
