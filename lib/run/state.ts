import { edgeText, NEVER, type DagPlan } from "../planning/plan.js";
import type { ExecutionError } from "./errors.js";
import type { Pause, PauseFacts } from "./pause.js";
import type { Place } from "./place.js";
import { RunBase } from "./run-base.js";
import { Status } from "./status.js";

const NO_ERRORS: ReadonlyMap<number, ExecutionError> = new Map();
const NO_PAUSES: ReadonlyMap<number, PauseFacts> = new Map();
const NO_NODES: ReadonlySet<number> = new Set();

type Numbers = { [index: number]: number };

/**
 * What one run knows of its nodes: about 25 bytes a node, results not counted.
 *
 * Only engines write to it. What few nodes have (errors, branches, retries …) is in maps that stay empty until needed.
 */
export class RunState extends RunBase {
  /** {@link Status} by node. */
  readonly status: Numbers;
  /** By node; a hole where there is none. */
  readonly values: unknown[];
  /** When node i started is at 2i, when it ended at 2i + 1: one array, since two take longer to make. */
  private readonly instants: Numbers;
  /** Of the run as a whole: instants of the process' clock, in ms. */
  beganAt = 0;
  endedAt = 0;
  /** Where each node runs; undefined when all run inline. */
  places: readonly Place[] | undefined = undefined;
  private attempts: Map<number, number> | undefined = undefined;
  private earlier: Map<number, number> | undefined = undefined;
  private rare: RareFacts | undefined = undefined;

  constructor(
    readonly plan: DagPlan,
    inputs: Readonly<Record<string, unknown>>,
    runId: string | undefined,
    /** 1 for the nodes this run may execute; undefined when it may execute all. */
    readonly active: Uint8Array | undefined,
    metadata: Readonly<Record<string, unknown>> | undefined,
  ) {
    super(inputs, runId, metadata);
    const { size } = plan;
    this.values = new Array<unknown>(size);
    // Copying a small plain array is several times faster than making a typed one.
    if (plan.blank !== undefined) {
      this.status = plan.blank.numbers.slice();
      this.instants = plan.blank.instants.slice();
    } else {
      this.status = new Uint8Array(size);
      this.instants = new Float64Array(2 * size).fill(NEVER);
    }
  }

  get workflow(): string {
    return this.plan.workflow;
  }

  has(name: string): boolean {
    const node = this.plan.indexOf.get(name);
    return node !== undefined && this.hasResult(node);
  }

  get(name: string): unknown {
    const node = this.plan.indexOf.get(name);
    return node !== undefined && this.hasResult(node) ? this.values[node] : undefined;
  }

  get results(): Record<string, unknown> {
    return this.resultsWhere(() => true);
  }

  /** The results of some nodes, by name. */
  resultsWhere(include: (node: number) => boolean): Record<string, unknown> {
    const record = Object.create(null) as Record<string, unknown>;
    this.plan.specs.forEach(({ name }, i) => {
      if (this.hasResult(i) && include(i)) record[name] = this.values[i];
    });
    return record;
  }

  /** When a node started, an instant of the process' clock, in ms; {@link NEVER} if it did not. */
  startedAt(node: number): number {
    return this.instants[2 * node];
  }

  setStarted(node: number, at: number): void {
    this.instants[2 * node] = at;
  }

  /** When a node ended, an instant of the process' clock, in ms; {@link NEVER} if it did not. */
  finishedAt(node: number): number {
    return this.instants[2 * node + 1];
  }

  setFinished(node: number, at: number): void {
    this.instants[2 * node + 1] = at;
  }

  /** Facts that few nodes have. */
  get facts(): RareFacts {
    return (this.rare ??= new RareFacts());
  }

  /** Whether dependents may take this node's result. */
  hasResult(node: number): boolean {
    const status = this.status[node];
    if (status === Status.completed || status === Status.copied) {
      return this.rare === undefined || !this.rare.dropped.has(node);
    }
    return this.rare !== undefined && this.rare.nulled.has(node);
  }

  /** The errors of the nodes that failed, in the order in which they failed. */
  get errors(): ReadonlyMap<number, ExecutionError> {
    return this.rare?.errors ?? NO_ERRORS;
  }

  /** What the nodes that paused the run say, in the order in which they did. */
  get pausedNodes(): ReadonlyMap<number, PauseFacts> {
    return this.rare?.pauses ?? NO_PAUSES;
  }

  get pauses(): Pause[] {
    return Array.from(this.pausedNodes, ([node, facts]) => ({ node: this.plan.specs[node].name, ...facts }));
  }

  /** Why the first of the paused nodes paused. */
  get pauseReason(): string | undefined {
    return this.pausedNodes.values().next().value?.reason;
  }

  pauseReasonOf(node: number): string | undefined {
    return this.pausedNodes.get(node)?.reason;
  }

  /** Whether a branch not taken kept the node from running, in this run or in the one that its results come from. */
  wasSkipped(node: number): boolean {
    if (this.status[node] !== Status.skipped || this.errors.size > 0) return false;
    return this.active?.[node] !== 0 || this.rare?.skippedBefore.has(node) === true;
  }

  /** The branch a fork took. */
  branchOf(node: number): string | undefined {
    return this.rare?.branches.get(node);
  }

  /** Whether a fork took this branch. One that failed under `continueNone` takes all of them, with null. */
  took(fork: number, branch: string | undefined): boolean {
    return this.branchOf(fork) === branch || this.status[fork] === Status.failed;
  }

  /** How many attempts were made. */
  attemptsOf(node: number): number {
    return this.attempts?.get(node) ?? (this.startedAt(node) === NEVER ? 0 : 1);
  }

  /** How many attempts were made before this run was resumed. */
  attemptsBefore(node: number): number {
    return this.earlier?.get(node) ?? 0;
  }

  /** Notes attempts that were made before this run was resumed. */
  setAttemptsBefore(node: number, count: number): void {
    (this.earlier ??= new Map<number, number>()).set(node, count);
    this.setAttempts(node, count);
  }

  /** Most nodes that start make one attempt, which needs no noting. */
  setAttempts(node: number, count: number): void {
    if (this.attemptsOf(node) !== count) (this.attempts ??= new Map<number, number>()).set(node, count);
  }

  /** Whether a node's result comes from an attempt in this run: it is not cached, not copied, not given. */
  isFresh(node: number): boolean {
    return this.status[node] === Status.completed && this.startedAt(node) !== NEVER && !this.isCached(node);
  }

  /** Gives a node the result, and the branch if it is a fork, that it had in another run. */
  copy(node: number, value: unknown, branch: string | undefined): void {
    this.status[node] = Status.copied;
    this.values[node] = value;
    if (branch !== undefined) this.facts.branches.set(node, branch);
  }

  /** The nodes outside this run that an earlier run had skipped. */
  get skippedBefore(): ReadonlySet<number> {
    return this.rare?.skippedBefore ?? NO_NODES;
  }

  isCached(node: number): boolean {
    return this.rare?.cached.has(node) ?? false;
  }

  /** The need that made the node `skipped`, as it was written. */
  skippedBy(node: number): string | undefined {
    const edge = this.rare?.skippedBy.get(node);
    return edge === undefined ? undefined : edgeText(this.plan, edge.source, edge.edge);
  }

  /** What nodes failed with for which a fallback stood in. */
  get fallbacks(): ReadonlyMap<number, ExecutionError> {
    return this.rare?.fallbacks ?? NO_ERRORS;
  }

  /** The position of the need that an `any` node was started by. */
  winnerOf(node: number): number | undefined {
    return this.rare?.winners.get(node);
  }

  /** The need that an `any` node was started by, as it was written. */
  triggerOf(node: number): string | undefined {
    const winner = this.winnerOf(node);
    return winner === undefined ? undefined : this.plan.anyNeeds.get(node)?.[winner].text;
  }
}

class RareFacts {
  readonly errors = new Map<number, ExecutionError>();
  readonly branches = new Map<number, string>();
  readonly pauses = new Map<number, PauseFacts>();
  readonly cached = new Set<number>();
  /** Nodes outside a partial run that the earlier run had skipped. */
  readonly skippedBefore = new Set<number>();
  /** Failed nodes whose result stands as null (`continueNone`). */
  readonly nulled = new Set<number>();
  /** Results given up because nobody needs them any more (`retain: "outputs"`). */
  readonly dropped = new Set<number>();
  /** What the nodes failed with for which a fallback stood in. */
  readonly fallbacks = new Map<number, ExecutionError>();
  readonly skippedBy = new Map<number, { readonly source: number; readonly edge: number }>();
  /** The position of the need that won, by `any` node. */
  readonly winners = new Map<number, number>();
}
