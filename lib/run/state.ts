import { NEVER, type DagPlan } from "../planning/plan.js";
import type { ExecutionError } from "./errors.js";
import { pausesOf, type Pause, type PauseFacts } from "./pause.js";
import type { Place } from "./place.js";
import { RunBase } from "./run-base.js";
import { joined, type WaitingFor } from "./waiting-for.js";
import { Status } from "./status.js";

const NO_ERRORS: ReadonlyMap<number, ExecutionError> = new Map();
const NO_PAUSES: ReadonlyMap<number, PauseFacts> = new Map();
const NO_NODES: ReadonlySet<number> = new Set();

type Numbers = { [index: number]: number };

/**
 * The state of a dag's run: about 25 bytes per node, without results.
 *
 * Only the engine writes to it. Data that few nodes have (errors, branches, retries …) is in maps, which are created on
 * demand.
 */
export class RunState extends RunBase {
  /** {@link Status} by node. */
  readonly status: Numbers;
  /** The results by node; a hole for a node without one. */
  readonly values: unknown[];
  /** The start of node i at 2i, and its end at 2i + 1. One array, since two take longer to create. */
  private readonly instants: Numbers;
  /** The start and the end of the run, as times of the process' clock, in ms. */
  beganAt = 0;
  endedAt = 0;
  /** Where each node runs; undefined if all run inline. */
  places: readonly Place[] | undefined = undefined;
  /** The nodes whose results an outer run takes; undefined if there are none. */
  kept: ReadonlySet<number> | undefined = undefined;
  private attempts: Map<number, number> | undefined = undefined;
  private earlier: Map<number, number> | undefined = undefined;
  private rare: RareFacts | undefined = undefined;

  constructor(
    readonly plan: DagPlan,
    inputs: Readonly<Record<string, unknown>>,
    runId: string | (() => string) | undefined,
    /** 1 for the nodes that this run may execute; undefined if it may execute all. */
    readonly active: Uint8Array | undefined,
    metadata: Readonly<Record<string, unknown>> | undefined,
  ) {
    super(inputs, runId, metadata);
    const { size } = plan;
    this.values = new Array<unknown>(size);
    // Copying a small plain array is several times faster than creating a typed array.
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

  protected owns(name: string): boolean {
    return this.plan.indexOf.has(name);
  }

  has(name: string): boolean {
    const node = this.plan.indexOf.get(name);
    return node === undefined ? this.hasInner(name) : this.hasResult(node);
  }

  get(name: string): unknown {
    const node = this.plan.indexOf.get(name);
    if (node === undefined) return this.getInner(name);
    return this.hasResult(node) ? this.values[node] : undefined;
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

  /** When a node started, by the process' clock, in ms; {@link NEVER} if it did not. */
  startedAt(node: number): number {
    return this.instants[2 * node];
  }

  setStarted(node: number, at: number): void {
    this.instants[2 * node] = at;
  }

  /** When a node ended, by the process' clock, in ms; {@link NEVER} if it did not. */
  finishedAt(node: number): number {
    return this.instants[2 * node + 1];
  }

  setFinished(node: number, at: number): void {
    this.instants[2 * node + 1] = at;
  }

  /** The data that few nodes have. */
  get facts(): RareFacts {
    return (this.rare ??= new RareFacts());
  }

  /** Whether the node has a result that dependents may take. */
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

  /** Whether a `coalesce` of this run handles the failure of a node. */
  isHandled(node: number): boolean {
    const { choices } = this.plan;
    if (choices === undefined || choices.handledBy[node] < 0) return false;
    return this.active?.[choices.handledBy[node]] !== 0;
  }

  /** Records the error of a failed node. */
  setError(node: number, error: ExecutionError): void {
    const { facts } = this;
    if (!facts.errors.has(node) && !this.isHandled(node)) facts.unhandled++;
    facts.errors.set(node, error);
  }

  /** Takes the error of a node back, which has paused instead. */
  dropError(node: number): void {
    if (this.facts.errors.delete(node) && !this.isHandled(node)) this.facts.unhandled--;
  }

  /** Whether a node failed, and no `coalesce` handled that. */
  get hasFailed(): boolean {
    return this.rare !== undefined && this.rare.unhandled > 0;
  }

  /** The errors that no `coalesce` handled, in the order in which they occurred. */
  get failures(): ExecutionError[] {
    const all = Array.from(this.errors);
    return all.filter(([node]) => !this.isHandled(node)).map(([, error]) => error);
  }

  /** The pauses of the nodes that paused the run, in the order in which they did. */
  get pausedNodes(): ReadonlyMap<number, PauseFacts> {
    return this.rare?.pauses ?? NO_PAUSES;
  }

  get pauses(): Pause[] {
    return Array.from(this.pausedNodes).flatMap(([node, facts]) => pausesOf(this.plan.specs[node].name, facts));
  }

  /** The reason given by the first node that paused the run. */
  get pauseReason(): string | undefined {
    return this.pausedNodes.values().next().value?.reason;
  }

  pauseReasonOf(node: number): string | undefined {
    return this.pausedNodes.get(node)?.reason;
  }

  /**
   * Whether the node was skipped because of an untaken branch, in this run or in the run that its results come from.
   */
  wasSkipped(node: number): boolean {
    if (this.status[node] !== Status.skipped || this.hasFailed) return false;
    return this.active?.[node] !== 0 || this.rare?.skippedBefore.has(node) === true;
  }

  /** The branch that a fork took. */
  branchOf(node: number): string | undefined {
    return this.rare?.branches.get(node);
  }

  /** Whether a fork took this branch, or a workflow has a result of this name inside. A failed one under `continueNone` takes all branches, with null. */
  took(fork: number, branch: string | undefined): boolean {
    if (this.status[fork] === Status.failed || this.branchOf(fork) === branch) return true;
    return branch !== undefined && this.children.get(this.plan.specs[fork].name)?.has(branch) === true;
  }

  /** The number of attempts. */
  attemptsOf(node: number): number {
    return this.attempts?.get(node) ?? (this.startedAt(node) === NEVER ? 0 : 1);
  }

  /** The number of attempts before the run was resumed. */
  attemptsBefore(node: number): number {
    return this.earlier?.get(node) ?? 0;
  }

  /** Records attempts that were made before the run was resumed. */
  setAttemptsBefore(node: number, count: number): void {
    (this.earlier ??= new Map<number, number>()).set(node, count);
    this.setAttempts(node, count);
  }

  /** Records the number of attempts, unless it is the default: one for a node that has started. */
  setAttempts(node: number, count: number): void {
    if (this.attemptsOf(node) !== count) (this.attempts ??= new Map<number, number>()).set(node, count);
  }

  /** Whether a node's result was computed in this run: it is neither cached, copied nor given. */
  isFresh(node: number): boolean {
    return this.status[node] === Status.completed && this.startedAt(node) !== NEVER && !this.isCached(node);
  }

  /** Copies the result of a node, and the branch of a fork, from another run. */
  copy(node: number, value: unknown, branch: string | undefined): void {
    this.status[node] = Status.copied;
    this.values[node] = value;
    if (branch !== undefined) this.facts.branches.set(node, branch);
  }

  /** The nodes that an earlier run skipped, and this run does not execute. */
  get skippedBefore(): ReadonlySet<number> {
    return this.rare?.skippedBefore ?? NO_NODES;
  }

  isCached(node: number): boolean {
    return this.rare?.cached.has(node) ?? false;
  }

  /** The need that caused a node to be skipped, as written, or the choice that did not take it. */
  skippedBy(node: number): string | undefined {
    return this.rare?.skippedBy.get(node);
  }

  /** What the nodes of the run, and of the runs inside, wait for. */
  get waitingFor(): WaitingFor | undefined {
    if (this.rare === undefined) return undefined;
    const { waits, deadlines, away } = this.rare;
    const own = Array.from(waits, ([node, wait]): WaitingFor => {
      return "event" in wait ? { events: [wait.event], until: deadlines.get(node) } : { events: [], until: wait.until };
    });
    return joined([...own, ...away.values()]);
  }

  /** What a node waits for. */
  waitOf(node: number): NodeWait | undefined {
    return this.rare?.waits.get(node);
  }

  itemsOf(node: number): Readonly<ItemCounts> | undefined {
    return this.rare?.items.get(node);
  }

  itemErrorsOf(node: number): readonly ExecutionError[] {
    return this.rare?.itemErrors.get(node) ?? [];
  }

  /** The errors that fallbacks replaced. */
  get fallbacks(): ReadonlyMap<number, ExecutionError> {
    return this.rare?.fallbacks ?? NO_ERRORS;
  }

  /** How many nodes, and items of maps, used their fallback. */
  get fallbackCount(): number {
    return this.fallbacks.size + (this.rare?.itemFallbacks ?? 0);
  }

  /** The position of an `any` node's need that completed first. */
  winnerOf(node: number): number | undefined {
    return this.rare?.winners.get(node);
  }

  /** An `any` node's need that completed first, as written. */
  triggerOf(node: number): string | undefined {
    const winner = this.winnerOf(node);
    return winner === undefined ? undefined : this.plan.anyNeeds.get(node)?.[winner].text;
  }
}

/** What a node waits for: an event, or a time in ms since 1970. */
export type NodeWait = { readonly event: string } | { readonly until: number };

/** How a node waited before its run was resumed. */
export interface EarlierWait {
  /** The event that it waits for; undefined while it waits for its delay. */
  readonly event: string | undefined;
  /** When its delay ends, or the latest time for the event, in ms since 1970. */
  readonly until: number | undefined;
  /** The payload of the event, once that has come. */
  readonly payload?: { readonly value: unknown } | undefined;
}

/** How far a map is. */
export interface ItemCounts {
  /** The items so far: all, once the collection is read. */
  total: number;
  /** Including those from the cache. */
  completed: number;
  failed: number;
  cached: number;
}

class RareFacts {
  /** By node: how many attempts from before the run was resumed have no end, as their drivers died. */
  readonly interrupted = new Map<number, number>();
  /** By map: the results of items from before the run was resumed, by index. */
  readonly earlierItems = new Map<number, ReadonlyMap<number, { readonly value: unknown }>>();
  /** By map. */
  readonly items = new Map<number, ItemCounts>();
  /** The errors of items, by map, in the order in which they failed. */
  readonly itemErrors = new Map<number, ExecutionError[]>();
  readonly errors = new Map<number, ExecutionError>();
  /** How many of the errors no `coalesce` handled. */
  unhandled = 0;
  readonly branches = new Map<number, string>();
  readonly pauses = new Map<number, PauseFacts>();
  readonly cached = new Set<number>();
  /** The nodes that an earlier run skipped, and this run does not execute. */
  readonly skippedBefore = new Set<number>();
  /** The failed nodes whose result is null (`continueNone`). */
  readonly nulled = new Set<number>();
  /** The nodes whose result was dropped after its last use (`retain: "outputs"`). */
  readonly dropped = new Set<number>();
  /** How many items of maps used their fallback. */
  itemFallbacks = 0;
  /** The errors that fallbacks replaced. */
  readonly fallbacks = new Map<number, ExecutionError>();
  /** See {@link RunState.skippedBy}. */
  readonly skippedBy = new Map<number, string>();
  /** What nodes wait for. */
  readonly waits = new Map<number, NodeWait>();
  /** The latest times for the events that nodes wait for, in ms since 1970. */
  readonly deadlines = new Map<number, number>();
  /** The nodes whose runs inside were put away, and what these wait for. */
  readonly away = new Map<number, WaitingFor>();
  /** What the runs inside of nodes wait for that are being put away. */
  readonly leaving = new Map<number, WaitingFor>();
  /** The payloads of the events that nodes have waited for. */
  readonly payloads = new Map<number, unknown>();
  /** What nodes waited for, and got, before the run was resumed. */
  readonly earlierWaits = new Map<number, EarlierWait>();
  /** The positions of the needs that completed first, by `any` node. */
  readonly winners = new Map<number, number>();
}
