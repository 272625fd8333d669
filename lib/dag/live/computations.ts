import { CancelledError } from "../../run/errors.js";
import { Computation, ManagedComputation, type ComputingDag } from "./computation.js";

/** The computations of a live dag: at most one per node in progress, and stopped ones that have not ended yet. */
export class Computations {
  /** The computation of each node; undefined if there is none. */
  private readonly byNode: (Computation | undefined)[];
  /** A finished computation with no references left, kept for reuse: a wave of quick nodes needs only one. */
  private spare: Computation | undefined = undefined;
  /** Computations to stop once freshness is known. */
  private overtaken: Computation[] = [];
  /** Stopped work that has not ended yet. */
  private readonly ending = new Set<Promise<unknown>>();

  /** @param size - how many nodes there are */
  constructor(
    private readonly dag: ComputingDag,
    size: number,
  ) {
    this.byNode = new Array<Computation | undefined>(size).fill(undefined);
  }

  has(node: number): boolean {
    return this.byNode[node] !== undefined;
  }

  /** A plain call of a node's function. */
  plain(node: number): Computation {
    const { spare } = this;
    if (spare === undefined) return (this.byNode[node] = new Computation(this.dag, node));
    this.spare = undefined;
    spare.node = node;
    return (this.byNode[node] = spare);
  }

  /** A computation of a node with policies. */
  managed(node: number): Computation {
    return (this.byNode[node] = new ManagedComputation(this.dag, node));
  }

  /** Called when a node has settled. */
  settled(node: number): void {
    this.byNode[node] = undefined;
  }

  /** Keeps a finished plain computation for reuse, unless something still refers to it. */
  reuse(computation: Computation): void {
    if (!computation.isOver && !computation.isKnown) this.spare = computation;
  }

  /** Called when the outcome of a node's computation is no longer wanted. Returns whether there was a computation. */
  overtake(node: number): boolean {
    const computation = this.byNode[node];
    if (computation === undefined) return false;
    computation.isOver = true;
    this.byNode[node] = undefined;
    this.overtaken.push(computation);
    return true;
  }

  /** Stops the computations that were overtaken since the last call. */
  stopOvertaken(): void {
    if (this.overtaken.length === 0) return;
    const { overtaken, dag } = this;
    const { plan, runId } = dag.state;
    this.overtaken = [];
    for (const computation of overtaken) {
      const { name } = plan.specs[computation.node];
      const message = `Something that node "${name}" depends on has changed. It is being computed again.`;
      computation.stop(new CancelledError(message, { runId, node: name }));
    }
  }

  /** Stops all computations. */
  stop(reason: unknown): void {
    const open = this.byNode.filter((computation) => computation !== undefined);
    this.byNode.fill(undefined);
    for (const computation of open) computation.stop(reason);
  }

  /** Adds stopped work that takes a while to end. */
  isEnding(work: Promise<unknown>): void {
    this.ending.add(work);
    void work.then(() => this.ending.delete(work));
  }

  /** Resolves when everything that was stopped has ended: hooks, and runs inside. */
  async ended(): Promise<void> {
    while (this.ending.size > 0) await Promise.all(this.ending);
  }
}
