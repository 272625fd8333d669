/**
 * A set of the integers 0 … capacity - 1 with fast access to its smallest member.
 *
 * A tree of 32-bit words, in which bit b of a word says whether the subtree of child b has members. `add` and `take`
 * cost O(log₃₂ capacity), four steps for a million; the set takes about capacity / 8 bytes. Source: a hierarchical
 * bitmap, as in Linux' `find_first_bit`; a van Emde Boas tree with a fixed fan-out.
 */
export class MinSet {
  /** The levels of the tree from the leaves up, without the root word. */
  private readonly levels: readonly Int32Array[];
  private root = 0;
  /** The member of a set of one, which is not in the tree; otherwise -1. */
  private single = -1;
  private count = 0;

  constructor(capacity: number) {
    this.levels = capacity <= 32 ? NO_LEVELS : levelsFor(capacity);
  }

  get size(): number {
    return this.count;
  }

  /** Adds an integer, which must not be a member yet. */
  add(member: number): void {
    if (this.count++ === 0) {
      this.single = member;
      return;
    }
    if (this.single >= 0) this.insert(this.single);
    this.single = -1;
    this.insert(member);
  }

  private insert(member: number): void {
    const { levels } = this;
    let index = member;
    for (let level = 0; level < levels.length; level++) {
      const words = levels[level];
      const word = index >>> 5;
      const before = words[word];
      words[word] = before | (1 << (index & 31));
      if (before !== 0) return;
      index = word;
    }
    this.root |= 1 << index;
  }

  /** The smallest member, or -1 if the set is empty. */
  get first(): number {
    if (this.count === 0 || this.single >= 0) return this.single;
    let smallest = lowestBit(this.root);
    for (let level = this.levels.length - 1; level >= 0; level--) {
      smallest = (smallest << 5) | lowestBit(this.levels[level][smallest]);
    }
    return smallest;
  }

  /** Removes and returns the smallest member, or -1 if the set is empty. */
  take(): number {
    if (this.count === 0) return -1;
    if (this.single >= 0) {
      const only = this.single;
      this.single = -1;
      this.count = 0;
      return only;
    }
    const { first: smallest, levels } = this;
    this.count--;
    let index = smallest;
    for (let level = 0; level < levels.length; level++) {
      const words = levels[level];
      const word = index >>> 5;
      words[word] &= ~(1 << (index & 31));
      if (words[word] !== 0) return smallest;
      index = word;
    }
    this.root &= ~(1 << index);
    return smallest;
  }
}

const NO_LEVELS: readonly Int32Array[] = Object.freeze([]);

function levelsFor(capacity: number): Int32Array[] {
  const levels: Int32Array[] = [];
  for (let words = capacity; words > 32;) {
    words = (words + 31) >>> 5;
    levels.push(new Int32Array(words));
  }
  return levels;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
