import { anyWaits, Holder, type Resource } from "./holder.js";

/** What waits for one another. */
export interface Deadlock {
  readonly resources: ReadonlySet<Resource>;
  /** One sentence about each of them, for messages. */
  readonly text: string;
}

/**
 * Finds a cycle in the wait-for graph that would keep `waiter` waiting for a resource forever: each holder of the
 * resource waits, directly or through others, for something that `waiter` or its callers hold. A node counts as
 * waiting for every run it has begun.
 *
 * Undefined while some holder can release. Cost: O(1) when a holder waits for nothing.
 */
export function findDeadlock(waiter: Holder, resource: Resource): Deadlock | undefined {
  const isOwn = (holder: Holder) => holder.contains(waiter);
  for (const holder of resource.holders()) if (holder.waits.length === 0 && !isOwn(holder)) return undefined;
  // Collect all reachable resources, then drop those that a holder can release, until nothing changes.
  const stuck = new Set([resource]);
  for (const reached of stuck) {
    for (const holder of reached.holders()) {
      if (!isOwn(holder)) for (const awaited of holder.waits) stuck.add(awaited);
    }
  }
  const stuckWaitOf = (holder: Holder) => holder.waits.find((awaited) => stuck.has(awaited));
  const canRelease = (held: Resource) => {
    for (const holder of held.holders()) if (!isOwn(holder) && stuckWaitOf(holder) === undefined) return true;
    return false;
  };
  for (let size = 0; size !== stuck.size;) {
    size = stuck.size;
    for (const held of stuck) if (canRelease(held)) stuck.delete(held);
    if (!stuck.has(resource)) return undefined;
  }
  return describeCycle(resource, isOwn, stuckWaitOf);
}

/**
 * Finds a deadlock that is left when all have let go of what they can do without.
 * @param isWaiting - whether `waiter` still waits then
 */
export function findLastingDeadlock(
  waiter: Holder,
  resource: Resource,
  isWaiting: () => boolean = () => true,
): Deadlock | undefined {
  while (isWaiting()) {
    const deadlock = findDeadlock(waiter, resource);
    if (deadlock === undefined) return undefined;
    if (!Array.from(deadlock.resources).some((each) => each.letGo?.(waiter))) return deadlock;
  }
  return undefined;
}

/** Whether each holder of a resource waits, directly or through others, for something that only such holders can release. */
export function isStuck(resource: Resource): boolean {
  return anyWaits() && findDeadlock(NOBODY, resource) !== undefined;
}

const NOBODY = new Holder(() => "nobody", undefined);

function describeCycle(
  resource: Resource,
  isOwn: (holder: Holder) => boolean,
  stuckWaitOf: (holder: Holder) => Resource | undefined,
): Deadlock {
  const described = new Set([resource]);
  const lines: string[] = [];
  for (const held of described) {
    const holders = [...held.holders()];
    const holder = holders.find(isOwn) ?? holders[0];
    const awaited = isOwn(holder) ? undefined : stuckWaitOf(holder);
    lines.push(`${held.label} is held by ${holder.label}, which waits for ${awaited?.label ?? "this node"}`);
    if (awaited !== undefined) described.add(awaited);
  }
  return { resources: described, text: lines.join("; ") };
}
