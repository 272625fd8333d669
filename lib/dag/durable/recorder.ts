import { types } from "node:util";
import { toEpoch } from "../../base/clock.js";
import { inputName } from "../../definition/specs/named-inputs.js";
import { isSink } from "../../planning/plan.js";
import { childKey } from "../../run/child-result.js";
import type { EventFacts } from "../../run/events.js";
import type { NodeWait, RunState } from "../../run/state.js";
import { Status, type RunStatus } from "../../run/status.js";
import type { AttemptEntry, AttemptOutcome, AttemptStatus, RunLog, Traversal } from "../../stores/store.js";
import { Recorder, type Recording } from "../../engine/durable/recorder.js";

type Completion = EventFacts & { readonly type: "node.completed" };

type FailedAttempt = EventFacts & { readonly type: "attempt.failed" };

type ItemFacts = EventFacts & { readonly type: "item.started" | "item.completed" | "item.failed" };

/** An attempt in progress. */
type Begun = Pick<AttemptEntry, "attempt" | "startedAt">;

const NO_OUTCOME: AttemptOutcome = {};
const NO_ATTEMPT: Begun = { attempt: 0, startedAt: undefined };

/** Writes a dag's run to its store: a row per attempt, and one per edge that passed a result on. */
export class DagRecorder extends Recorder {
  /** The attempts in progress, by node. */
  private readonly running = new Map<number, Begun>();
  /** When the unfinished items of maps began, by node and index. */
  private readonly items = new Map<number, Map<number, number>>();
  /** The nodes whose failure was written with their attempt. */
  private failed: Set<number> | undefined = undefined;

  constructor(
    private readonly state: RunState,
    recording: Recording,
    create?: (recorder: Recorder) => Promise<RunLog>,
  ) {
    super(state, recording, create);
  }

  /** Called when a node waits for its event, or for its delay to end. */
  waits(node: number, event: string | undefined, until: number | undefined): void {
    this.guarded((log) => log.wait({ node: this.nameOf(node), event, until }));
  }

  /** Whether a wait began before the run was resumed. */
  private isRecorded(node: number, waitingFor: NodeWait): boolean {
    const earlier = this.state.facts.earlierWaits.get(node);
    if (earlier?.event !== undefined) return "event" in waitingFor;
    return earlier?.until !== undefined && "until" in waitingFor;
  }

  /** Called when the event of a node has come. */
  bound(node: number, event: string, payload: unknown): void {
    this.guarded((log) => log.wait({ node: this.nameOf(node), event, until: undefined, payload: { value: payload } }));
  }

  /** Called when a node no longer waits, and does not start. */
  waitOver(node: number): void {
    this.guarded((log) => log.wait({ node: this.nameOf(node), event: undefined, until: undefined }));
  }

  /** Called when a node is not retried after a failed attempt: no run inside takes its events any more. */
  private givenUp(log: RunLog, node: number): void {
    if (this.state.plan.specs[node].subworkflow !== undefined)
      log.wait({ node: this.nameOf(node), event: undefined, until: undefined });
  }

  private nameOf(node: number): string {
    return this.state.plan.specs[node].name;
  }

  /** Records the results copied from another run. */
  protected begin(log: RunLog): void {
    const { state } = this;
    for (let node = 0; node < state.plan.size; node++) {
      if (state.status[node] !== Status.copied) continue;
      const output = { value: state.values[node] };
      this.settle(log, node, "copied", undefined, { output, branch: state.branchOf(node) });
    }
    for (const node of state.skippedBefore) this.settle(log, node, "skipped");
  }

  protected write(log: RunLog, facts: EventFacts, at: number, node = -1): void {
    const { running } = this;
    switch (facts.type) {
      case "attempt.started": {
        const { attempt } = facts;
        const { name } = this.state.plan.specs[node];
        running.set(node, { attempt, startedAt: at });
        log.attempt({ node: name, attempt, status: "running", startedAt: at, finishedAt: undefined });
        log.traversals(traversals(this.state, node));
        return;
      }
      case "run.paused":
        return log.moment({ type: facts.type, at });
      case "node.waiting":
        if (this.isRecorded(node, facts.waitingFor)) return;
        return log.moment({ type: facts.type, at, node: this.nameOf(node), waitingFor: facts.waitingFor });
      case "attempt.failed":
        if (facts.item !== undefined) return this.itemAttemptFailed(log, facts, at, node);
        (this.failed ??= new Set()).add(node);
        return this.settle(log, node, "failed", at, { error: facts.error });
      case "item.started":
      case "item.completed":
      case "item.failed":
        return this.item(log, facts, at, node);
      case "node.completed":
        return this.complete(log, facts, at, node);
      case "node.failed":
        log.moment({ type: facts.type, at, node: this.nameOf(node) });
        if (this.failed?.has(node) === true && !running.has(node)) return this.givenUp(log, node);
        return this.settle(log, node, "failed", at, { error: facts.error });
      case "node.skipped":
        return this.settle(log, node, "skipped", at, { reason: facts.skippedBy });
      case "node.cancelled":
        if (running.has(node)) this.settle(log, node, "cancelled", at);
    }
  }

  /** A node that paused outside of an attempt is recorded only among the run's pauses. */
  protected end(log: RunLog, status: RunStatus): void {
    const { state } = this;
    for (const node of Array.from(this.running.keys())) {
      if (state.status[node] !== Status.paused) continue;
      this.settle(log, node, "paused", toEpoch(state.finishedAt(node)), { reason: state.pauseReasonOf(node) });
    }
    this.endItems(log);
    if (status === "waiting") return this.putAway(log);
    if (state.pausedNodes.size > 0) log.paused(state.pauseReason, state.pauses, undefined);
  }

  /**
   * Records what the run waits for. The waits of runs inside are in their own records, and are repeated here for
   * readers.
   */
  private putAway(log: RunLog): void {
    const { state } = this;
    for (const [node, { events, until }] of state.facts.away) {
      if (this.running.has(node)) this.settle(log, node, "waiting", toEpoch(state.finishedAt(node)));
      if (events.length === 0) log.wait({ node: `${this.nameOf(node)}.`, event: undefined, until });
      for (const event of events) log.wait({ node: event, event, until });
    }
    log.paused(undefined, [], state.waitingFor?.until);
  }

  protected outputs(): string[] {
    const { plan, status, active } = this.state;
    const isOutput = (_: unknown, i: number) => status[i] === Status.completed && isSink(plan, i, active);
    return plan.specs.filter(isOutput).map(({ name }) => name);
  }

  /** An item has one row for all of its attempts. */
  private itemAttemptFailed(
    log: RunLog,
    { type, attempt, error, item }: FailedAttempt,
    at: number,
    node: number,
  ): void {
    log.moment({ type, at, node: this.nameOf(node), attempt, item: item?.index, error });
  }

  /** Records the start or the end of a map's item. */
  private item(log: RunLog, facts: ItemFacts, at: number, node: number): void {
    const name = childKey(this.state.plan.specs[node].name, facts.index);
    const begun = this.items.get(node);
    if (facts.type === "item.started") {
      if (begun === undefined) this.items.set(node, new Map([[facts.index, at]]));
      else begun.set(facts.index, at);
      return log.attempt({ node: name, attempt: 1, status: "running", startedAt: at, finishedAt: undefined });
    }
    const startedAt = begun?.get(facts.index);
    begun?.delete(facts.index);
    const attempt = startedAt === undefined ? 0 : 1;
    if (facts.type === "item.failed") {
      const error = facts.error.cause ?? facts.error;
      return log.attempt({ node: name, attempt, status: "failed", startedAt, finishedAt: at, error });
    }
    const output = { value: facts.result };
    const isCached = facts.cached;
    log.attempt({ node: name, attempt, status: "completed", startedAt, finishedAt: at, output, isCached });
  }

  /** Records the items that have started and not ended: those that paused the run, and those that were cancelled. */
  private endItems(log: RunLog): void {
    const { state } = this;
    for (const [node, begun] of this.items) {
      const { name } = state.plan.specs[node];
      const status = state.status[node] === Status.paused ? "paused" : "cancelled";
      const finishedAt = toEpoch(state.finishedAt(node));
      for (const [index, startedAt] of begun)
        log.attempt({ node: childKey(name, index), attempt: 1, status, startedAt, finishedAt });
    }
    this.items.clear();
  }

  private complete(log: RunLog, { result, cached }: Completion, at: number, node: number): void {
    const output = isIterator(result) || !this.state.hasResult(node) ? undefined : { value: result };
    const outcome = { output, branch: this.state.branchOf(node), isCached: cached };
    try {
      this.settle(log, node, "completed", at, outcome);
    } catch (error) {
      this.settle(log, node, "failed", at, { error });
      throw error;
    }
    if (cached) log.traversals(traversals(this.state, node));
  }

  /** Records the outcome of the attempt in progress, or of a node without one. */
  private settle(
    log: RunLog,
    node: number,
    status: AttemptStatus,
    finishedAt?: number,
    outcome: AttemptOutcome = NO_OUTCOME,
  ): void {
    const { attempt, startedAt } = this.running.get(node) ?? NO_ATTEMPT;
    const { name } = this.state.plan.specs[node];
    const { output, branch, isCached, error, reason } = outcome;
    log.attempt({ node: name, attempt, status, startedAt, finishedAt, output, branch, isCached, error, reason });
    this.running.delete(node);
  }
}

/** Whether a result can only be iterated, once: it is not recorded, and its node runs again if the run is resumed. */
function isIterator(result: unknown): boolean {
  if (typeof result !== "object" || result === null || types.isProxy(result)) return false;
  const isIterable = Symbol.asyncIterator in result || Symbol.iterator in result;
  return isIterable && "next" in result && typeof result.next === "function";
}

/** The results that a node takes, of those that exist. */
function traversals(state: RunState, node: number): Traversal[] {
  const { argStart, args, specs } = state.plan;
  const taken: Traversal[] = [];
  for (let k = argStart[node]; k < argStart[node + 1]; k++) {
    follow(state, node, args[k], inputName(specs[node].signature, k - argStart[node]) ?? "context", taken);
  }
  return taken;
}

/** Adds the results that go into an argument. */
function follow(state: RunState, node: number, code: number, input: string, taken: Traversal[]): void {
  const { plan } = state;
  const { specs, bindings } = plan;
  const take = (source: number, output: string | undefined) => {
    if (state.hasResult(source)) taken.push({ from: specs[source].name, to: specs[node].name, output, input });
  };
  if (code >= 0) return take(code, undefined);
  const binding = bindings[~code];
  if (binding.type === "output") return take(binding.source, binding.output);
  if (binding.type === "stream") return take(binding.source, undefined);
  if (binding.type === "inner") return take(binding.source, binding.path);
  if (binding.type === "branch") {
    if (state.took(binding.source, binding.branch)) take(binding.source, binding.branch);
  } else if (binding.type === "winner") {
    const need = plan.anyNeeds.get(node)?.[state.winnerOf(node) ?? -1];
    if (need !== undefined) follow(state, node, need.code, input, taken);
  } else if (binding.type === "record") {
    for (const [i, inner] of binding.codes.entries()) follow(state, node, inner, binding.keys[i], taken);
  } else if (binding.type === "list") {
    for (const [i, inner] of binding.codes.entries()) follow(state, node, inner, `${input}.${i}`, taken);
  }
}
