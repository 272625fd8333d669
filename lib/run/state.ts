import { newRunId } from "../base/ids.js";
import { edgeText, NEVER, type DagPlan } from "../planning/plan.js";
import type { ExecutionError } from "./errors.js";
import { Status } from "./status.js";

const NO_ERRORS: ReadonlyMap<number, ExecutionError> = new Map();

type Numbers = { [index: number]: number };

/**
 * What one run knows of its nodes: about 25 bytes a node, results not counted.
 *
 * Only engines write to it. What few nodes have (errors, branches, retries …) is in maps that stay empty until needed.
 */
export class RunState {
  /** {@link Status} by node. */
  readonly status: Numbers;
  readonly results: unknown[];
  /** Instants of the process' clock, in ms; {@link NEVER} where there is none. */
  readonly startedAt: Numbers;
  readonly finishedAt: Numbers;
  private rare: RareFacts | undefined;
  private id: string | undefined;
  private shared: Record<string, unknown> | undefined;
  private figures: Record<string, number> | undefined;

  constructor(
    readonly plan: DagPlan,
    readonly inputs: Readonly<Record<string, unknown>>,
    runId: string | undefined,
    /** 1 for the nodes this run may execute; undefined when it may execute all. */
    readonly active: Uint8Array | undefined,
    metadata: Readonly<Record<string, unknown>> | undefined,
  ) {
    const { size } = plan;
    this.id = runId;
    this.results = new Array<unknown>(size);
    this.shared = metadata === undefined ? undefined : { ...metadata };
    // Copying a small plain array is several times faster than making a typed one.
    if (plan.blank !== undefined) {
      this.status = plan.blank.numbers.slice();
      this.startedAt = plan.blank.instants.slice();
      this.finishedAt = plan.blank.instants.slice();
    } else {
      this.status = new Uint8Array(size);
      this.startedAt = new Float64Array(size).fill(NEVER);
      this.finishedAt = new Float64Array(size).fill(NEVER);
    }
  }

  /** Made when somebody first asks. */
  get runId(): string {
    return (this.id ??= newRunId());
  }

  get metadata(): Record<string, unknown> {
    return (this.shared ??= {});
  }

  get metrics(): Record<string, number> {
    return (this.figures ??= Object.create(null) as Record<string, number>);
  }

  /** Facts that few nodes have. */
  get facts(): RareFacts {
    return (this.rare ??= new RareFacts());
  }

  /** Whether dependents may take this node's result. */
  hasResult(node: number): boolean {
    const status = this.status[node];
    if (status === Status.completed) return this.rare === undefined || !this.rare.dropped.has(node);
    return this.rare !== undefined && (this.rare.copied.has(node) || this.rare.nulled.has(node));
  }

  /** The errors of the nodes that failed, in the order in which they failed. */
  get errors(): ReadonlyMap<number, ExecutionError> {
    return this.rare?.errors ?? NO_ERRORS;
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
    return this.rare?.attempts.get(node) ?? (this.startedAt[node] === NEVER ? 0 : 1);
  }

  isCached(node: number): boolean {
    return this.rare?.cached.has(node) ?? false;
  }

  /** The need that made the node `skipped`, as it was written. */
  skippedBy(node: number): string | undefined {
    const edge = this.rare?.skippedBy.get(node);
    return edge === undefined ? undefined : edgeText(this.plan, edge.source, edge.edge);
  }

  /** The need that an `any` node was started by, as it was written. */
  triggerOf(node: number): string | undefined {
    const winner = this.rare?.winners.get(node);
    return winner === undefined ? undefined : this.plan.anyNeeds.get(node)?.[winner].text;
  }
}

class RareFacts {
  readonly errors = new Map<number, ExecutionError>();
  readonly attempts = new Map<number, number>();
  readonly branches = new Map<number, string>();
  readonly cached = new Set<number>();
  /** Results taken from an earlier run. */
  readonly copied = new Set<number>();
  /** Failed nodes whose result stands as null (`continueNone`). */
  readonly nulled = new Set<number>();
  /** Results given up because nobody needs them any more (`retain: "outputs"`). */
  readonly dropped = new Set<number>();
  readonly skippedBy = new Map<number, { readonly source: number; readonly edge: number }>();
  /** The position of the need that won, by `any` node. */
  readonly winners = new Map<number, number>();
}

/** The results of a run by name, as a record without a prototype, so that no name is special. */
export function resultRecord(
  state: RunState,
  include: (node: number) => boolean = () => true,
): Record<string, unknown> {
  const record = Object.create(null) as Record<string, unknown>;
  state.plan.specs.forEach(({ name }, i) => {
    if (state.hasResult(i) && include(i)) record[name] = state.results[i];
  });
  return record;
}
