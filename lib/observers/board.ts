import { messageOf } from "../base/message.js";
import type { BackendName, DryRun, RunEvent, RunStatus } from "../index.js";

/** How far a node has come, or a state in its latest cycle. */
export type Phase = "running" | "waiting" | "paused" | "completed" | "failed" | "skipped" | "cancelled";

/** A node as its events tell of it. */
export interface BoardNode {
  readonly name: string;
  /** How many runs it is inside of. */
  readonly depth: number;
  readonly backend: BackendName | undefined;
  phase: Phase;
  /** In ms since 1970. */
  startedAt: number | undefined;
  /** In ms, of all its cycles. */
  duration: number;
  attempts: number;
  /** The failed attempts that were followed by another one. */
  retries: number;
  /** Of a state: how often it was entered. */
  cycles: number;
  isCached: boolean;
  fraction: number | undefined;
  message: string | undefined;
  /** Of a map: its items so far. */
  items: { started: number; done: number; failed: number } | undefined;
  waitingFor: { readonly event: string } | { readonly until: number } | undefined;
}

type NodeEvent = Extract<RunEvent, { node: string }>;

type Settled = "completed" | "failed" | "skipped" | "cancelled";

/** How many settled nodes are kept in the order in which they settled. */
const RECENT = 200;

/**
 * A run as its events tell of it, and the nodes in progress of the runs inside. Cost: O(1) an event, and the memory of
 * one small object for each node of the run itself.
 */
export class Board {
  readonly nodes = new Map<string, BoardNode>();
  /** The nodes that run or wait, also of runs inside, in the order in which they started. */
  readonly active = new Set<BoardNode>();
  /** The latest settled nodes of the run itself, oldest first. */
  readonly recent: BoardNode[] = [];
  readonly failures: BoardNode[] = [];
  readonly settled: Record<Settled, number> = { completed: 0, failed: 0, skipped: 0, cancelled: 0 };
  retries = 0;
  cacheHits = 0;
  finishedAt: number | undefined;
  status: RunStatus | undefined;
  error: Error | undefined;
  /** Nodes of runs inside, by run and name. They are forgotten when they settle. */
  private readonly inner = new Map<string, BoardNode>();
  private readonly depths = new Map<string, number>();
  private readonly paths = new Map<string, string>();
  private readonly backends: ReadonlyMap<string, BackendName>;

  /** @param plan - what is known of its nodes before they start */
  constructor(
    readonly runId: string,
    readonly workflow: string,
    readonly startedAt: number,
    private readonly plan?: DryRun,
  ) {
    this.backends = new Map(plan?.nodes.map(({ name, backend }) => [name, backend]));
    this.depths.set(runId, 0);
    this.paths.set(runId, "");
  }

  /** The number of its nodes; undefined if that is not known. */
  get total(): number | undefined {
    return this.plan?.nodes.length;
  }

  get done(): number {
    const { completed, failed, skipped, cancelled } = this.settled;
    return completed + failed + skipped + cancelled;
  }

  /** Whether an event belongs to this run, or to one inside. */
  has(event: RunEvent): boolean {
    return this.depths.has(event.runId) || (event.parent !== undefined && this.depths.has(event.parent.runId));
  }

  add(event: RunEvent): void {
    if (event.type === "run.started") this.enter(event);
    else if (event.type === "run.finished") this.leave(event);
    else if (event.type === "run.paused") this.pause(event);
    else this.addOfNode(event);
  }

  /** The path through the plan with the longest total duration, as `run.metrics` has it; empty without a plan. */
  get criticalPath(): BoardNode[] {
    const ways = new Map<
      string,
      { readonly length: number; readonly node: BoardNode; readonly before: string | undefined }
    >();
    let last: string | undefined;
    for (const { name, needs } of this.plan?.nodes ?? []) {
      const node = this.nodes.get(name);
      if (node?.phase !== "completed" || node.startedAt === undefined) continue;
      const lengthTo = (each: string | undefined) => (each === undefined ? 0 : (ways.get(each)?.length ?? 0));
      const before = needs.reduce<string | undefined>(
        (best, each) => (ways.has(each) && (best === undefined || lengthTo(each) > lengthTo(best)) ? each : best),
        undefined,
      );
      ways.set(name, { length: lengthTo(before) + node.duration, node, before });
      if (last === undefined || lengthTo(name) >= lengthTo(last)) last = name;
    }
    const path: BoardNode[] = [];
    for (let way = last === undefined ? undefined : ways.get(last); way !== undefined;) {
      path.push(way.node);
      way = way.before === undefined ? undefined : ways.get(way.before);
    }
    return path.reverse();
  }

  private enter({ runId, parent }: RunEvent): void {
    if (parent === undefined) return;
    this.depths.set(runId, (this.depths.get(parent.runId) ?? 0) + 1);
    this.paths.set(runId, `${this.paths.get(parent.runId) ?? ""}${parent.node}.`);
  }

  private leave(event: Extract<RunEvent, { type: "run.finished" }>): void {
    const { runId } = event;
    if (runId !== this.runId) {
      this.depths.delete(runId);
      this.paths.delete(runId);
      const prefix = runKey(runId);
      for (const [key, node] of this.inner) {
        if (!key.startsWith(prefix)) continue;
        this.inner.delete(key);
        this.active.delete(node);
      }
      return;
    }
    this.finishedAt = event.at;
    this.status = event.status;
    this.error = event.error;
  }

  private pause({ runId }: RunEvent): void {
    if (runId !== this.runId) return;
    for (const node of this.active) if (node.phase === "running") node.phase = "paused";
  }

  private addOfNode(event: NodeEvent): void {
    if (event.type === "node.ready") return;
    const node = this.nodeOf(event);
    switch (event.type) {
      case "node.waiting":
        node.waitingFor = event.waitingFor;
        return this.activate(node, "waiting", event.at);
      case "state.entered":
        node.cycles++;
        return;
      case "attempt.started":
        // The first attempt that is seen of a run that goes on may be a later one.
        if (event.attempt > 1 && node.attempts > 0) {
          node.retries++;
          this.retries++;
        }
        node.attempts = event.attempt;
        node.message = node.fraction = node.waitingFor = undefined;
        return this.activate(node, "running", event.at);
      case "attempt.failed":
        node.message = event.item === undefined ? messageOf(event.error) : undefined;
        return;
      case "node.progress":
        node.fraction = event.fraction;
        node.message = event.message ?? node.message;
        return;
      case "node.log":
        node.message = event.message;
        return;
      case "item.started":
        node.items ??= { started: 0, done: 0, failed: 0 };
        if (event.attempt === 1) node.items.started++;
        return this.activate(node, "running", event.at);
      case "item.completed":
      case "item.failed":
        node.items ??= { started: 0, done: 0, failed: 0 };
        node.items.done++;
        if (event.type === "item.failed") node.items.failed++;
        return;
      case "node.completed":
        node.isCached = event.cached;
        if (event.cached) this.cacheHits++;
        return this.settle(node, "completed", event);
      case "node.failed":
        node.message = messageOf(event.error);
        if (event.runId === this.runId) this.failures.push(node);
        return this.settle(node, "failed", event);
      case "node.skipped":
        return this.settle(node, "skipped", event);
      case "node.cancelled":
        return this.settle(node, "cancelled", event);
      default:
    }
  }

  private nodeOf(event: NodeEvent): BoardNode {
    const { runId, node: name } = event;
    const isOwn = runId === this.runId;
    const nodes = isOwn ? this.nodes : this.inner;
    const key = isOwn ? name : innerKey(event);
    let node = nodes.get(key);
    if (node === undefined) {
      node = newNode(
        (this.paths.get(runId) ?? "") + name,
        this.depths.get(runId) ?? 0,
        isOwn ? this.backends.get(name) : undefined,
      );
      nodes.set(key, node);
    }
    return node;
  }

  private activate(node: BoardNode, phase: "running" | "waiting", at: number): void {
    if (isSettled(node.phase)) {
      this.settled[node.phase]--;
      node.startedAt = undefined;
    }
    if (phase === "running") node.startedAt ??= at;
    node.phase = phase;
    this.active.add(node);
  }

  private settle(node: BoardNode, phase: Settled, event: NodeEvent): void {
    this.active.delete(node);
    if (node.startedAt !== undefined) node.duration += event.at - node.startedAt;
    node.phase = phase;
    if (event.runId !== this.runId) return void this.inner.delete(innerKey(event));
    this.settled[phase]++;
    this.recent.push(node);
    if (this.recent.length > 2 * RECENT) this.recent.splice(0, RECENT);
  }
}

/** The key of a node of a run inside: it begins with the one of the run. */
function innerKey({ runId, node }: NodeEvent): string {
  return runKey(runId) + node;
}

function runKey(runId: string): string {
  return JSON.stringify(runId);
}

function isSettled(phase: Phase): phase is Settled {
  return phase === "completed" || phase === "failed" || phase === "skipped" || phase === "cancelled";
}

function newNode(name: string, depth: number, backend: BackendName | undefined): BoardNode {
  return {
    name,
    depth,
    backend,
    phase: "running",
    startedAt: undefined,
    duration: 0,
    attempts: 0,
    retries: 0,
    cycles: 0,
    isCached: false,
    fraction: undefined,
    message: undefined,
    items: undefined,
    waitingFor: undefined,
  };
}
