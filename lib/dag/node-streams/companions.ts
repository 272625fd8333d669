import type { StreamPlan } from "../../planning/streams.js";

/** Ready nodes that run together with others, and need no permit of their own. */
export class Companions {
  /** The nodes that produce items. */
  private readonly begun = new Set<number>();
  /** Those that may start. */
  private readonly ready: number[] = [];
  /** By group: the ready nodes that wait for its first; undefined when that has started. */
  private readonly gathering = new Map<number, number[] | undefined>();

  constructor(private readonly plan: StreamPlan) {}

  /** Whether a node has begun to produce items. */
  hasBegun(node: number): boolean {
    return this.begun.has(node);
  }

  begin(node: number): void {
    this.begun.add(node);
  }

  /**
   * Called when a node is ready. Returns false if it has to queue up, since it runs alone, or for the slot that its
   * group shares.
   */
  add(node: number): boolean {
    const { gathering, plan } = this;
    const group = plan.groups.get(node);
    if (group === undefined) return false;
    if (gathering.has(group)) (gathering.get(group) ?? this.ready).push(node);
    else if (plan.consumers.has(node)) this.ready.push(node);
    else {
      gathering.set(group, []);
      return false;
    }
    return true;
  }

  /** Called when a node starts: those that run together with it may start, too. */
  launched(node: number): void {
    const group = this.plan.groups.get(node);
    if (group === undefined) return;
    this.ready.push(...(this.gathering.get(group) ?? []));
    this.gathering.set(group, undefined);
  }

  /** Takes a node that may start; -1 if there is none. */
  take(mayStart: (node: number) => boolean): number {
    const { ready } = this;
    if (ready.length === 0) return -1;
    const at = ready.findIndex(mayStart);
    return at < 0 ? -1 : ready.splice(at, 1)[0];
  }
}
