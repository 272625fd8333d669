import type { Digraph } from "../../graph/digraph.js";

/** Notified while the freshness of nodes changes. The callbacks may call only {@link Freshness.mark}. */
export interface FreshnessListener {
  /** The node may have to be computed again. */
  becameStale(node: number): void;
  /** A stale node may not be computed from what it would have been computed from before. */
  overtaken(node: number): void;
  /** A stale node has to be computed, and everything that it depends on is fresh. */
  ready(node: number): void;
  /** A stale node is fresh again without being computed, since nothing it depends on has changed. */
  kept(node: number): void;
}

/**
 * Which nodes of a dag are up to date.
 *
 * A change makes the nodes that take it stale, and everything that depends on them. A stale node becomes ready when all
 * its sources are fresh and one of them has changed, or when it was marked itself. If none has changed, it is fresh
 * again as it is, and the wave ends there. At first, all nodes are stale and marked.
 *
 * Cost of a change: O(edges out of the stale nodes). Not here: how nodes are computed (`live-run.ts`).
 */
export class Freshness {
  /** 1 for a stale node. */
  private readonly stale: Uint8Array;
  /** 1 for a stale node that must be computed. */
  private readonly marked: Uint8Array;
  /** By node, the number of its edges from stale nodes. */
  private readonly pending: Int32Array;
  private count: number;
  /** The nodes whose dependents are still to be looked at; empty between calls. */
  private readonly trail: number[] = [];

  constructor(
    private readonly graph: Digraph,
    indegree: ArrayLike<number>,
    private readonly listener: FreshnessListener,
  ) {
    this.stale = new Uint8Array(graph.size).fill(1);
    this.marked = new Uint8Array(graph.size).fill(1);
    this.pending = Int32Array.from(indegree);
    this.count = graph.size;
  }

  /** Reports the nodes that are ready at first. */
  begin(): void {
    for (let node = 0; node < this.graph.size; node++) if (this.pending[node] === 0) this.listener.ready(node);
  }

  /** Whether no node is stale. */
  get isComplete(): boolean {
    return this.count === 0;
  }

  isStale(node: number): boolean {
    return this.stale[node] === 1;
  }

  /** Whether a node is stale and everything that it depends on is fresh. */
  isReady(node: number): boolean {
    return this.stale[node] === 1 && this.pending[node] === 0;
  }

  /** Marks a stale node to be computed, whether its sources change or not. */
  mark(node: number): void {
    this.marked[node] = 1;
  }

  /** Called when something that these nodes take besides results has changed. */
  change(nodes: readonly number[]): void {
    const { graph, stale, pending, listener } = this;
    const { start, target } = graph;
    const { trail } = this;
    for (const node of nodes) {
      if (stale[node] === 1) listener.overtaken(node);
      else this.enter(node);
      this.marked[node] = 1;
    }
    for (let source = trail.pop(); source !== undefined; source = trail.pop()) {
      for (let edge = start[source]; edge < start[source + 1]; edge++) {
        const node = target[edge];
        if (stale[node] === 0) this.enter(node);
        else if (pending[node] === 0) listener.overtaken(node);
        pending[node]++;
      }
    }
    for (const node of nodes) if (pending[node] === 0) listener.ready(node);
  }

  /** Called when a stale node is fresh again. @param isChanged - whether it has another result than before */
  settle(node: number, isChanged: boolean): void {
    const { graph, stale, marked, pending, listener, trail } = this;
    const { start, target } = graph;
    this.refresh(node);
    let changed = isChanged;
    for (let source: number | undefined = node; source !== undefined; source = trail.pop()) {
      for (let edge = start[source]; edge < start[source + 1]; edge++) {
        const dependent = target[edge];
        if (changed) marked[dependent] = 1;
        if (--pending[dependent] > 0 || stale[dependent] === 0) continue;
        if (marked[dependent] === 1) listener.ready(dependent);
        else {
          this.refresh(dependent);
          listener.kept(dependent);
          trail.push(dependent);
        }
      }
      changed = false;
    }
  }

  private enter(node: number): void {
    this.stale[node] = 1;
    this.count++;
    this.listener.becameStale(node);
    if (this.graph.start[node] < this.graph.start[node + 1]) this.trail.push(node);
  }

  private refresh(node: number): void {
    this.stale[node] = 0;
    this.marked[node] = 0;
    this.count--;
  }
}
