/**
 * The tree of regions: each branch of a choice is one, within the region of its choice. The root holds what runs in any
 * case. The branches of a `coalesce` lie within one another, since each is tried only after the one before.
 *
 * Cost: O(log depth) to find what two regions have in common. Source: jump pointers (Myers, "An applicative random-access
 * stack", 1983).
 */
export class Regions {
  static readonly ROOT = 0;
  private readonly parent: number[] = [0];
  /** An ancestor further up, so that few steps lead to any. */
  private readonly jump: number[] = [0];
  private readonly depth: number[] = [0];
  /** The gate that holds the region back, its own or that of the nearest region around; -1 if there is none. */
  private readonly gate: number[] = [-1];
  /** The nearest `coalesce` around; -1 if there is none. */
  private readonly handler: number[] = [-1];
  /** The choices that the gates belong to. */
  readonly gateOwners: number[] = [];

  /** Adds the regions of a choice's branches, and returns them. */
  add(choice: number, kind: string, count: number, within: number): number[] {
    const isCoalesce = kind === "coalesce";
    const added: number[] = [];
    for (let branch = 0; branch < count; branch++) {
      const parent = isCoalesce && branch > 0 ? added[branch - 1] : within;
      const startsAnyway = isCoalesce && branch === 0;
      this.handler.push(isCoalesce ? choice : this.handler[parent]);
      this.gate.push(startsAnyway ? this.gate[parent] : this.gateOwners.push(choice) - 1);
      added.push(this.addRegion(parent));
    }
    return added;
  }

  private addRegion(parent: number): number {
    const { depth, jump } = this;
    const above = jump[parent];
    const isEven = depth[parent] - depth[above] === depth[above] - depth[jump[above]];
    const region = this.parent.push(parent) - 1;
    depth.push(depth[parent] + 1);
    jump.push(isEven ? jump[above] : parent);
    return region;
  }

  /** The innermost region that two regions lie within. */
  common(a: number, b: number): number {
    const { parent, jump, depth } = this;
    let [left, right] = depth[a] > depth[b] ? [a, b] : [b, a];
    while (depth[left] > depth[right]) left = depth[jump[left]] >= depth[right] ? jump[left] : parent[left];
    while (left !== right) {
      // Regions of the same depth jump equally far.
      const [from, to] = jump[left] === jump[right] ? [parent[left], parent[right]] : [jump[left], jump[right]];
      left = from;
      right = to;
    }
    return left;
  }

  gateOf(region: number): number {
    return this.gate[region];
  }

  /** The gate of a branch; -1 if it has none of its own. */
  ownGate(region: number): number {
    const gate = this.gate[region];
    return gate === this.gate[this.parent[region]] ? -1 : gate;
  }

  handlerOf(region: number): number {
    return this.handler[region];
  }
}
